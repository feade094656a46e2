//! What Perl's functions do.

use std::sync::LazyLock;

use ogent_protocol::verdict::EffectKind::{
    self, Delete, Kill, NetworkSend, Ownership, Permission, PrivilegeRaised, Read, Write,
};

use super::does::{Does, Makes, Rows, Table};
use super::grammar::Grammar;

pub(super) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar {
    table: Table::new(FUNCTIONS, METHODS, KNOWN, HARMLESS),
    prefixes: &["return", "my", "our", "local", "state", "not", "new", "do"],
    words: &[
        "if",
        "elsif",
        "else",
        "unless",
        "while",
        "until",
        "and",
        "or",
        "xor",
        "not",
        "eq",
        "ne",
        "lt",
        "gt",
        "le",
        "ge",
        "cmp",
        "for",
        "foreach",
        "continue",
        "last",
        "next",
        "redo",
        "BEGIN",
        "END",
        "INIT",
        "CHECK",
        "UNITCHECK",
        "given",
        "when",
        "default",
        "goto",
        "isa",
    ],
    members: &["->"],
    concat: ".",
    bare: &["*"],
    calls_members: true,
    scopes: &[],
});

const FUNCTIONS: Rows = &[
    (
        Does::Plain,
        "print printf say abs atan2 bless caller chomp chop cos crypt defined delete die each exists exp exit \
         grep hex index int keys lcfirst length log map oct ord pop pos push quotemeta rand ref reset rindex \
         scalar shift sin sort splice split sprintf sqrt srand study substr tell time times tie tied ucfirst \
         undef unpack unshift untie values vec wait waitpid wantarray warn write localtime gmtime sleep alarm eof \
         close binmode fileno read readline getc select seek sysread sysseek syswrite format formline prototype \
         local lock stat lstat readlink readdir closedir rewinddir opendir glob getpwnam getpwuid getgrnam \
         getgrgid getlogin getppid getpgrp getpriority gethostbyname gethostbyaddr getprotobyname getservbyname \
         getsockname getpeername getsockopt setsockopt fc umask chdir flock pipe fcntl import no sum min max \
         first any all none uniq shuffle reduce maxstr minstr product pairs looks_like_number blessed reftype \
         dualvar Dumper encode_json decode_json to_json from_json encode decode strftime mktime floor ceil fmod \
         basename dirname fileparse cwd getcwd GetOptions sockaddr_in inet_aton inet_ntoa pack_sockaddr_in \
         unpack_sockaddr_in md5_hex sha1_hex sha256_hex sha512_hex encode_base64 uri_escape uri_unescape usleep \
         carp croak confess isatty ttyname uname tv_interval gettimeofday encode_utf8 decode_utf8 setsid WNOHANG \
         dclone abs_path realpath rel2abs STDIN STDOUT STDERR",
    ),
    (Does::Makes(Makes::Lower), "lc"),
    (Does::Makes(Makes::Upper), "uc"),
    (Does::Makes(Makes::Characters), "chr"),
    (Does::Makes(Makes::Join), "join"),
    (Does::Makes(Makes::Reverse), "reverse"),
    (Does::Makes(Makes::Format), "sprintf"),
    (Does::Makes(Makes::Pack), "pack"),
    (Does::Makes(Makes::Base64), "decode_base64 MIME.Base64.decode MIME.Base64.decode_base64"),
    (Does::Makes(Makes::Path), "catfile File.Spec.catfile"),
    (
        Does::Plain,
        "MIME.Base64.encode MIME.Base64.encode_base64 POSIX.strftime POSIX.floor POSIX.ceil POSIX.mktime \
         POSIX.uname POSIX.isatty POSIX.setsid POSIX._exit POSIX.getpid Cwd.getcwd Cwd.cwd Cwd.abs_path \
         Time.HiRes.time Time.HiRes.sleep Sys.Hostname.hostname hostname POSIX.fmod POSIX.strtol POSIX.LONG_MAX \
         POSIX.INT_MAX POSIX.DBL_MAX Socket.inet_aton Socket.sockaddr_in",
    ),
    (Does::Command, "system exec"),
    (Does::Shell, "readpipe qx"),
    (
        Does::Command,
        "open2 open3 run capture IPC.Open2.open2 IPC.Open3.open3 IPC.Run.run IPC.Cmd.run IPC.System.Simple.system",
    ),
    (Does::Eval, "eval evalbytes"),
    (Does::Unseen, "syscall dbmopen dump retrieve thaw Storable.retrieve Storable.thaw"),
    (Does::Load, "require dl_load_file DynaLoader.dl_load_file"),
    (Does::PerlOpens, "open"),
    (Does::To(Write, 1), "sysopen symlink link"),
    (Does::To(Read, 0), "slurp read_file"),
    (Does::ToAll(Delete, 0), "unlink rmdir"),
    (Does::Tree(Delete, 0), "rmtree remove_tree File.Path.rmtree File.Path.remove_tree"),
    (Does::ToAll(Write, 0), "mkdir mkpath make_path File.Path.mkpath File.Path.make_path write_file append_file"),
    (Does::To(EffectKind::Overwrite, 0), "truncate"),
    (Does::ToAll(Permission, 1), "chmod"),
    (Does::ToAll(Ownership, 2), "chown"),
    (Does::ToAll(Write, 2), "utime"),
    (Does::Moves, "rename move mv File.Copy.move"),
    (Does::Copies, "copy cp File.Copy.copy"),
    (Does::ToAll(Kill, 1), "kill"),
    (Does::Act(EffectKind::Kernel), "chroot ioctl"),
    (Does::Act(PrivilegeRaised), "setuid setgid POSIX.setuid POSIX.setgid POSIX.seteuid setreuid"),
    (Does::HandsOver, "dup2 POSIX.dup2 dup POSIX.dup"),
    (Does::Forks, "fork"),
    (Does::Plain, "socket Socket.socket socketpair send recv shutdown"),
    (
        Does::Connects,
        "connect IO.Socket.INET IO.Socket.INET.new IO.Socket.INET6.new IO.Socket.IP.new IO.Socket.SSL.new \
         IO.Socket.UNIX.new IO.Socket.INET6 IO.Socket.IP IO.Socket.SSL Net.FTP.new Net.SMTP.new Net.Telnet.new",
    ),
    (Does::Listens, "bind listen accept HTTP.Daemon.new"),
    (Does::Fetches, "get getprint getstore LWP.Simple.get LWP.Simple.getprint LWP.Simple.getstore"),
];

const METHODS: Rows = &[
    (
        Does::Plain,
        "new print printf say autoflush binmode close opened eof fileno getline getlines recv send write read \
         sysread syswrite import add keys values get_value decode encode pretty canonical utf8 parse as_string \
         content decoded_content is_success status_line code header epoch ymd hms year month day hour minute \
         second strftime now today json date datetime blocking timeout input_line_number dump Indent Sortkeys \
         Terse can isa ref mon mday yday wday sockhost sockport peerhost peerport agent env_proxy ssl_opts",
    ),
    (Does::Listens, "accept listen"),
    (Does::Connects, "connect"),
    (Does::Shell, "system exec run"),
    (Does::HandsOver, "fdopen"),
    (Does::Fetches, "get mirror"),
    (Does::Sends, "post put request"),
    (Does::ToSelf(Delete), "unlink remove remove_tree"),
    (Does::ToSelf(Write), "spew touch mkpath"),
    (Does::ToSelf(Read), "slurp slurp_utf8 lines"),
    (Does::Sql, "do prepare"),
    (Does::Act(NetworkSend), "put_file"),
];

const KNOWN: &str = "POSIX Socket IO IPC File LWP Net HTTP MIME Time Cwd Sys Storable DynaLoader DBI Storable \
         Fcntl Errno URI Term WWW Symbol SelectSaver SelfLoader AutoLoader XSLoader threads Thread Tk Expect Safe \
         Opcode";

const HARMLESS: &str = "strict warnings utf8 feature integer bigint bignum bigrat constant vars overload parent \
         base fields open locale bytes sort diagnostics less re charnames experimental autodie mro version List \
         Scalar Data JSON Encode Digest Math Text Getopt Carp English Tie.Hash Tie.Array Unicode Hash Algorithm \
         Memoize Benchmark Config Env I18N PerlIO Params Try Moo Moose Modern common Mojo.JSON YAML Time.Local \
         Time.Piece Time.HiRes File.Basename File.Spec Date DateTime Statistics Number Class sigtrap subs \
         filetest attributes if deprecate";
