//! Modules of Python: of the first only what the table says is harmless, of the second everything is.

pub(super) const KNOWN: &str = "os sys subprocess shutil socket pty commands popen2 posix nt posixpath time \
         glob pathlib io codecs gzip bz2 lzma zlib zipfile tarfile base64 binascii tempfile pickle cPickle \
         marshal shelve dill joblib yaml ctypes runpy importlib imp code pdb timeit cProfile profile signal \
         threading multiprocessing asyncio select selectors fcntl resource pwd grp crypt platform sqlite3 urllib \
         urllib2 requests httpx http httplib SimpleHTTPServer BaseHTTPServer socketserver SocketServer ftplib \
         telnetlib smtplib imaplib poplib paramiko ssl xmlrpc webbrowser builtins __builtin__ types gc atexit \
         logging site sysconfig pkg_resources fileinput linecache mmap shlex tty termios pexpect sh wget boto3 \
         send2trash distutils concurrent contextlib inspect traceback warnings weakref sched queue Queue numpy np \
         pandas pd torch tensorflow matplotlib sklearn scipy django flask fastapi sqlalchemy psycopg2 pymysql \
         MySQLdb redis pymongo docker kubernetes PIL cv2 bs4 lxml psutil jinja2 click rich tqdm pytest setuptools \
         pip cryptography Crypto OpenSSL nltk transformers openai anthropic aiohttp attr attrs pydantic \
         simplejson ujson toml tomli tomllib dateutil pytz six";

pub(super) const HARMLESS: &str = "math cmath json re string random secrets statistics decimal fractions \
         datetime calendar itertools functools operator collections heapq bisect array copy pprint textwrap \
         unicodedata difflib hashlib hmac zoneinfo uuid struct csv html colorsys ipaddress enum dataclasses \
         typing abc numbers keyword token tokenize ast dis platform getpass locale gettext argparse optparse \
         getopt urllib.parse urlparse xml.etree.ElementTree xml.dom.minidom email mimetypes quopri uu \
         configparser ConfigParser fnmatch stat errno traceback warnings inspect contextlib io.StringIO \
         __future__ numpy np simplejson ujson tomllib toml tomli dateutil pytz six math.pi sysconfig queue Queue \
         concurrent.futures sys.version sys.argv sys.platform sys.path sys.modules sys.executable \
         base64.encodebytes time.time bs4 html.parser psutil.virtual_memory psutil.cpu_percent psutil.cpu_count \
         psutil.disk_usage psutil.boot_time psutil.pids torch.cuda torch.backends torch.version torch.tensor \
         torch.zeros torch.ones torch.rand";
