//! What Python's functions do.

use std::sync::LazyLock;

use ogent_protocol::verdict::EffectKind::{
    self, Delete, Execute, Kill, NetworkSend, Ownership, Permission, PrivilegeRaised, Read, RemoteChange, Write,
};

use super::does::{Does, Makes, Rows, Table};
use super::grammar::Grammar;

mod modules;

pub(super) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar {
    table: Table::new(FUNCTIONS, METHODS, modules::KNOWN, modules::HARMLESS),
    prefixes: &["return", "not", "await", "yield", "async", "assert", "raise", "del", "global", "nonlocal", "with"],
    words: &[
        "if", "elif", "else", "while", "try", "except", "finally", "pass", "break", "continue", "in", "is", "and",
        "or", "match", "case",
    ],
    members: &["."],
    concat: "+",
    bare: &["print", "exec"],
    calls_members: false,
    scopes: &["builtins", "__builtins__", "__builtin__"],
});

const FUNCTIONS: Rows = &[
    (
        Does::Plain,
        "print len range enumerate zip abs min max sum round divmod pow hash id ord bin hex oct type isinstance \
         issubclass hasattr callable repr ascii format input raw_input iter next any all dict set frozenset tuple \
         list int float complex bool object super property staticmethod classmethod slice vars dir locals globals \
         help exit quit memoryview long xrange unichr cmp callable basestring Exception ValueError TypeError \
         KeyError IndexError RuntimeError OSError IOError SystemExit StopIteration NotImplementedError \
         AssertionError FileNotFoundError KeyboardInterrupt",
    ),
    (
        Does::Plain,
        "sys.exit sys.stdin.read sys.stdin.readline sys.stdin.readlines sys.stdin.buffer.read sys.stdout.write \
         sys.stdout.flush sys.stdout.buffer.write sys.stderr.write sys.stderr.flush sys.getsizeof \
         sys.getrecursionlimit sys.setrecursionlimit sys.getdefaultencoding sys.exc_info sys.intern \
         sys.getfilesystemencoding sys.maxsize sys.stdout.reconfigure sys.stdin.reconfigure sys.stdin.isatty \
         sys.stdout.isatty sys.version_info os.getcwd os.getpid os.getppid os.getuid os.geteuid os.getgid \
         os.getegid os.getlogin os.getenv os.environ.get os.environ.items os.environ.keys os.environ.copy \
         os.uname os.cpu_count os.getloadavg os.times os.urandom os.path.exists os.path.isfile os.path.isdir \
         os.path.islink os.path.basename os.path.dirname os.path.abspath os.path.realpath os.path.getsize \
         os.path.getmtime os.path.getctime os.path.splitext os.path.split os.path.relpath os.path.normpath \
         os.path.isabs os.path.commonpath os.path.samefile os.path.ismount os.getgroups os.stat os.lstat \
         os.access os.get_terminal_size os.isatty os.strerror os.fspath os.cpu_count os.sysconf os.getpgid \
         os.nice os.sched_getaffinity os.statvfs os._exit os.abort os.wait os.waitpid os.pipe os.umask \
         os.path.lexists os.path.expandvars os.major os.minor os.WEXITSTATUS os.setsid os.close os.ttyname \
         os.getpgrp time.time time.sleep time.strftime time.localtime time.gmtime time.ctime time.perf_counter \
         time.monotonic time.mktime time.asctime time.strptime time.time_ns time.process_time time.tzset \
         subprocess.list2cmdline shutil.which shutil.disk_usage shutil.get_terminal_size socket.gethostname \
         socket.getfqdn socket.gethostbyname socket.inet_aton socket.inet_ntoa socket.htons socket.ntohs \
         socket.getaddrinfo socket.gethostbyaddr socket.getservbyname socket.setdefaulttimeout signal.signal \
         signal.alarm threading.Lock threading.current_thread importlib.metadata.version importlib.util.find_spec \
         importlib.metadata.distributions importlib.metadata.metadata sqlite3.connect tempfile.gettempdir \
         fcntl.fcntl select.select pwd.getpwuid pwd.getpwnam grp.getgrgid grp.getgrnam resource.getrusage \
         platform.system pkg_resources.get_distribution ssl.create_default_context ssl.get_default_verify_paths \
         yaml.safe_load yaml.safe_dump yaml.dump yaml.safe_load_all requests.Session site.getsitepackages \
         sysconfig.get_paths sysconfig.get_path sysconfig.get_config_var sysconfig.get_config_vars \
         zipfile.is_zipfile tarfile.is_tarfile pickle.dumps marshal.dumps urllib.request.Request urllib2.Request \
         http.client.HTTPConnection http.client.HTTPSConnection gc.collect atexit.register asyncio.sleep \
         asyncio.gather asyncio.Queue asyncio.get_event_loop asyncio.run logging.getLogger logging.info \
         logging.warning logging.error logging.debug logging.basicConfig sys._getframe",
    ),
    (
        Does::Same,
        "str bytes bytearray unicode compile sorted pathlib.Path pathlib.PurePath Path os.fsdecode os.fsencode \
         os.path.expanduser shlex.quote textwrap.dedent io.StringIO io.BytesIO StringIO.StringIO copy.copy \
         copy.deepcopy",
    ),
    (Does::Lists, ""),
    (Does::Makes(Makes::Characters), "chr"),
    (Does::Makes(Makes::Reverse), "reversed"),
    (Does::Makes(Makes::Path), "os.path.join posixpath.join"),
    (Does::Makes(Makes::Split), "shlex.split"),
    (
        Does::Makes(Makes::Base64),
        "base64.b64decode base64.urlsafe_b64decode base64.standard_b64decode base64.decodebytes \
         base64.decodestring binascii.a2b_base64",
    ),
    (Does::Makes(Makes::Hex), "bytes.fromhex bytearray.fromhex binascii.unhexlify binascii.a2b_hex base64.b16decode"),
    (Does::Makes(Makes::Codec), "codecs.decode codecs.encode"),
    (
        Does::Plain,
        "glob.glob glob.iglob os.listdir os.walk os.scandir os.readlink fnmatch.filter base64.b64encode \
         base64.encodebytes base64.b32encode base64.b32decode base64.b85decode base64.a85decode binascii.hexlify \
         zlib.decompress gzip.decompress bz2.decompress lzma.decompress zlib.compress gzip.compress",
    ),
    (Does::Maps, "map"),
    (Does::Calls, "filter functools.reduce reduce"),
    (
        Does::Shell,
        "os.system os.popen os.popen2 os.popen3 os.popen4 popen2.popen2 popen2.popen3 commands.getoutput \
         commands.getstatusoutput subprocess.run subprocess.call subprocess.check_call subprocess.check_output \
         subprocess.Popen subprocess.getoutput subprocess.getstatusoutput asyncio.create_subprocess_shell \
         pty.spawn sh.sh posix.system nt.system os.startfile pexpect.spawn pexpect.run platform.popen",
    ),
    (Does::Argv, "asyncio.create_subprocess_exec"),
    (
        Does::Exec(0),
        "os.execl os.execlp os.execle os.execlpe os.execv os.execvp os.execve os.execvpe os.posix_spawn \
         os.posix_spawnp posix.execv posix.execve",
    ),
    (Does::Exec(1), "os.spawnl os.spawnlp os.spawnle os.spawnlpe os.spawnv os.spawnvp os.spawnve os.spawnvpe"),
    (Does::Eval, "exec eval timeit.timeit timeit.repeat cProfile.run profile.run pdb.run"),
    (
        Does::Unseen,
        "pickle.loads pickle.load cPickle.loads cPickle.load marshal.loads marshal.load dill.loads joblib.load \
         shelve.open yaml.load yaml.unsafe_load yaml.full_load code.interact code.InteractiveConsole \
         pdb.set_trace breakpoint runpy.run_module ctypes.CFUNCTYPE types.FunctionType types.CodeType \
         multiprocessing.Process",
    ),
    (
        Does::Load,
        "execfile runpy.run_path ctypes.CDLL ctypes.PyDLL ctypes.cdll.LoadLibrary ctypes.WinDLL \
         ctypes.cdll.load_library imp.load_source imp.load_dynamic importlib.machinery.SourceFileLoader \
         importlib.util.spec_from_file_location os.add_dll_directory",
    ),
    (Does::Imports, "__import__ importlib.import_module importlib.__import__"),
    (Does::Attribute, "getattr"),
    (
        Does::Opens,
        "open io.open codecs.open file gzip.open bz2.open lzma.open os.fdopen os.open zipfile.ZipFile \
         tarfile.open tarfile.TarFile io.FileIO",
    ),
    (
        Does::To(Read, 0),
        "xml.etree.ElementTree.parse xml.dom.minidom.parse numpy.fromfile numpy.genfromtxt linecache.getline \
         linecache.getlines fileinput.input numpy.load numpy.loadtxt pandas.read_csv pandas.read_json \
         pandas.read_excel pandas.read_parquet np.load pd.read_csv",
    ),
    (Does::To(Delete, 0), "os.remove os.unlink os.rmdir os.removedirs posix.unlink posix.remove send2trash.send2trash"),
    (Does::Tree(Delete, 0), "shutil.rmtree distutils.dir_util.remove_tree"),
    (Does::To(EffectKind::Overwrite, 0), "os.truncate os.ftruncate"),
    (Does::To(Write, 0), "os.mkdir os.makedirs os.mknod os.mkfifo os.utime os.fallocate"),
    (Does::To(Write, 1), "os.symlink os.link shutil.copytree shutil.copymode shutil.copystat"),
    (Does::To(Write, 2), ""),
    (
        Does::To(Write, 0),
        "shutil.make_archive tempfile.mkdtemp tempfile.mkstemp tempfile.NamedTemporaryFile \
         tempfile.TemporaryDirectory tempfile.TemporaryFile numpy.save numpy.savetxt numpy.savez np.save \
         np.savetxt",
    ),
    (Does::To(Write, 1), "shutil.unpack_archive"),
    (Does::Moves, "os.rename os.renames os.replace shutil.move"),
    (Does::Copies, "shutil.copy shutil.copy2 shutil.copyfile"),
    (Does::To(Permission, 0), "os.chmod os.lchmod os.fchmod os.setxattr os.chflags"),
    (Does::To(Ownership, 0), "os.chown os.lchown os.fchown shutil.chown"),
    (
        Does::Act(PrivilegeRaised),
        "os.setuid os.seteuid os.setreuid os.setresuid os.setgid os.setegid os.setregid os.setresgid os.setgroups",
    ),
    (Does::Act(Execute), " os.chroot"),
    (Does::To(Kill, 0), "os.kill os.killpg signal.pthread_kill"),
    (Does::Act(EffectKind::Power), "os.reboot"),
    (Does::Forks, "os.fork os.forkpty pty.fork"),
    (Does::HandsOver, "os.dup2 os.dup"),
    (
        Does::Plain,
        "socket.socket socket.socketpair os.chdir os.putenv os.read os.write os.environ.update \
         os.environ.setdefault os.environ.pop threading.Thread sys.path.append sys.path.insert os.fchdir \
         os.closerange os.sync os.fsync",
    ),
    (
        Does::Connects,
        "socket.create_connection telnetlib.Telnet asyncio.open_connection paramiko.SSHClient ftplib.FTP \
         smtplib.SMTP smtplib.SMTP_SSL",
    ),
    (
        Does::Listens,
        "http.server.HTTPServer http.server.ThreadingHTTPServer socketserver.TCPServer socket.create_server \
         SimpleHTTPServer.test http.server.test SocketServer.TCPServer asyncio.start_server \
         xmlrpc.server.SimpleXMLRPCServer",
    ),
    (
        Does::Fetches,
        "urllib.request.urlopen urllib.urlopen urllib2.urlopen requests.get requests.head requests.options httpx.get",
    ),
    (Does::Fetches, "urllib.request.urlretrieve urllib.urlretrieve wget.download"),
    (Does::Sends, "requests.post requests.put requests.patch httpx.post httpx.put requests.request httpx.request"),
    (Does::To(EffectKind::RemoteDelete, 0), "requests.delete httpx.delete"),
    (Does::Act(RemoteChange), "boto3.client boto3.resource"),
    (Does::Act(NetworkSend), "smtplib.sendmail"),
];

const METHODS: Rows = &[
    (
        Does::Plain,
        "append extend insert pop clear index count sort keys values items get setdefault update copy \
         startswith endswith find rfind rindex isdigit isalpha isalnum isspace isupper islower isnumeric \
         isdecimal isidentifier istitle partition rpartition splitlines rsplit title capitalize swapcase casefold \
         center ljust rjust zfill expandtabs translate maketrans removeprefix removesuffix group groups groupdict \
         start end span match search findall finditer fullmatch sub subn read readline readlines write writelines \
         flush close seek tell fileno isatty readinto add discard union intersection difference issubset \
         issuperset symmetric_difference most_common elements date time now today strftime isoformat timestamp \
         timetuple weekday isoweekday total_seconds astimezone combine fromtimestamp utcnow strptime \
         fromisoformat to_bytes from_bytes bit_length is_integer as_integer_ratio hexdigest digest exists is_file \
         is_dir is_symlink stat lstat resolve absolute relative_to with_suffix with_name as_posix glob rglob \
         iterdir parents owner samefile fetchone fetchall fetchmany commit rollback cursor json raise_for_status \
         iter_lines iter_content info getcode geturl getheader communicate wait poll recv recvfrom settimeout \
         setsockopt getsockname getpeername gethostname setblocking shutdown getresponse appendleft popleft \
         rotate extendleft __init__ __len__ __str__ __repr__ __name__ pretty_print nlargest describe head tail \
         mean std sum min max shape tolist reshape astype iterrows to_string groupby value_counts dot flatten \
         transpose item size all any round dropna fillna namelist infolist getnames getmembers getmember getinfo \
         iter itertext findtext getroot iterfind is_alive is_available device_count get_device_name \
         get_device_properties parse_args add_argument error warning info debug sections has_option load loads \
         dump dumps tobytes tostring islice popitem fromkeys hex writerow writerows writeheader toprettyxml toxml \
         tostring substitute safe_substitute version",
    ),
    (Does::Same, "decode encode expanduser getvalue"),
    (Does::Makes(Makes::Strip), "strip lstrip rstrip"),
    (Does::Makes(Makes::Join), "join"),
    (Does::Makes(Makes::Braces), "format"),
    (Does::Plain, "__format__"),
    (Does::Makes(Makes::Replace), "replace"),
    (Does::Makes(Makes::Lower), "lower"),
    (Does::Makes(Makes::Upper), "upper"),
    (Does::Makes(Makes::Split), "split"),
    (Does::Makes(Makes::Path), "joinpath"),
    (Does::Makes(Makes::Hex), "fromhex"),
    (Does::Shell, "system popen getoutput getstatusoutput check_output check_call Popen exec_command"),
    (Does::Exec(0), "execl execlp execv execvp execve execvpe execle"),
    (
        Does::Unseen,
        "__reduce__ __globals__ __subclasses__ __builtins__ __code__ load_module exec_module runcode runsource",
    ),
    (Does::ToSelf(Delete), "unlink rmdir"),
    (Does::Tree(Delete, 0), "rmtree"),
    (Does::Plain, "remove"),
    (Does::ToSelf(Write), "write_text write_bytes touch mkdir symlink_to hardlink_to"),
    (Does::ToSelf(Read), "read_text read_bytes"),
    (Does::ToSelf(Permission), "chmod lchmod"),
    (Does::MovesSelf, "rename"),
    (Does::OpensSelf, "open"),
    (Does::To(Write, 0), "extractall extract to_csv to_json to_excel to_parquet savefig to_pickle savetxt save"),
    (Does::Connects, "connect connect_ex create_connection starttls"),
    (Does::Listens, "bind listen accept serve_forever handle_request"),
    (Does::Sends, "sendto sendmail post put patch request"),
    (Does::Plain, "send sendall makefile"),
    (Does::Fetches, "urlopen"),
    (Does::HandsOver, "dup2"),
    (Does::Act(Kill), "kill terminate send_signal"),
    (Does::Act(PrivilegeRaised), "setuid setgid seteuid"),
    (Does::Load, "LoadLibrary CDLL"),
    (Does::Sql, "execute executescript executemany"),
    (Does::To(EffectKind::RemoteDelete, 0), "delete_object delete_bucket delete_objects terminate_instances"),
    (Does::Plain, "start"),
];
