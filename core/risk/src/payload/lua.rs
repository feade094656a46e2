//! What Lua's functions do.

use std::sync::LazyLock;

use ogent_protocol::verdict::EffectKind::{Delete, Kill, PrivilegeRaised, Read, Write};

use super::does::{Does, Makes, Rows, Table};
use super::grammar::Grammar;

pub(super) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar {
    table: Table::new(FUNCTIONS, METHODS, KNOWN, HARMLESS),
    prefixes: &["return", "not", "local"],
    words: &["if", "then", "else", "elseif", "end", "while", "do", "repeat", "until", "break", "goto", "in"],
    members: &["."],
    concat: "..",
    bare: &[],
    calls_members: false,
    scopes: &["_G", "_ENV"],
});

const FUNCTIONS: Rows = &[
    (
        Does::Plain,
        "print type pairs ipairs next tonumber select error rawget rawset rawequal rawlen unpack setmetatable \
         getmetatable collectgarbage io.write os.time os.clock os.date os.getenv os.difftime os.exit os.tmpname \
         string.len string.find string.match string.gmatch string.byte string.sub table.insert table.remove \
         table.sort table.unpack table.pack io.type io.flush io.stdout io.stderr.write io.stdin.read \
         io.stdout.write io.close string.pack string.unpack coroutine.create coroutine.wrap coroutine.resume \
         coroutine.yield coroutine.status utf8.len",
    ),
    (Does::Same, "tostring assert"),
    (Does::Plain, "string.gsub io.read string.gfind"),
    (Does::Makes(Makes::Characters), "string.char utf8.char"),
    (Does::Makes(Makes::Format), "string.format"),
    (Does::Makes(Makes::Join), "table.concat"),
    (Does::Makes(Makes::Reverse), "string.reverse"),
    (Does::Makes(Makes::Lower), "string.lower"),
    (Does::Makes(Makes::Upper), "string.upper"),
    (Does::Plain, "string.rep"),
    (Does::Shell, "os.execute io.popen os.spawn posix.popen vim.fn.system"),
    (Does::Argv, "posix.exec posix.execp unix.execve posix.unistd.exec posix.unistd.execp luv.spawn uv.spawn"),
    (Does::Compiles, "load loadstring"),
    (Does::Unseen, "string.dump ffi.cdef ffi.load debug.debug debug.sethook debug.setupvalue"),
    (Does::Load, "dofile loadfile package.loadlib"),
    (Does::Imports, "require"),
    (Does::Applies, "pcall xpcall"),
    (Does::Opens, "io.open"),
    (Does::To(Read, 0), "io.lines io.input"),
    (Does::To(Write, 0), "io.output lfs.mkdir lfs.touch"),
    (Does::To(Delete, 0), "os.remove lfs.rmdir"),
    (Does::Moves, "os.rename"),
    (Does::Act(Kill), "posix.kill posix.signal.kill"),
    (Does::Act(PrivilegeRaised), "posix.setpid posix.unistd.setpid posix.setuid"),
    (Does::Forks, "posix.fork posix.unistd.fork"),
    (Does::HandsOver, "posix.dup2 posix.unistd.dup2"),
    (
        Does::Plain,
        "socket.tcp socket.udp lfs.dir lfs.attributes lfs.currentdir socket.gettime socket.sleep socket.tcp4",
    ),
    (Does::Connects, "socket.connect socket.tcp.connect"),
    (Does::Listens, "socket.bind"),
    (Does::Fetches, "socket.http.request http.request ssl.https.request"),
];

const METHODS: Rows = &[
    (
        Does::Plain,
        "read write lines close flush seek setvbuf len find match gmatch byte sub gsub rep send receive \
         settimeout getpeername getsockname setoption receivefrom",
    ),
    (Does::Makes(Makes::Format), "format"),
    (Does::Makes(Makes::Reverse), "reverse"),
    (Does::Makes(Makes::Lower), "lower"),
    (Does::Makes(Makes::Upper), "upper"),
    (Does::Connects, "connect setpeername sendto"),
    (Does::Listens, "bind listen accept"),
    (Does::Shell, "execute popen"),
];

const KNOWN: &str = "os io string table debug package coroutine utf8 socket posix lfs ffi uv luv vim ssl unix \
         socket.http ssl.https lpeg cjson luarocks _G _ENV bit32";
const HARMLESS: &str = "math bit bit32 cjson dkjson lpeg inspect";
