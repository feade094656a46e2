//! What can be told of code in any other language: Go, Java, C#, R, Tcl, the command files of editors and debuggers.
//!
//! It is never plain. What it hands to a shell is found if it looks as it does in most languages.

use std::sync::LazyLock;

use ogent_protocol::verdict::EffectKind::{self, Delete, Kill, NetworkFetch, Permission, PrivilegeRaised, Read, Write};

use super::Language;
use super::does::{Does, Rows, Table};
use super::findings::Findings;
use super::grammar::Grammar;
use super::machine;
use super::value::Value;

static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar {
    table: Table::new(FUNCTIONS, METHODS, "", ""),
    prefixes: &[
        "return", "new", "await", "var", "let", "const", "val", "final", "static", "public", "defer", "go", "try",
        "set",
    ],
    words: &["if", "else", "for", "while", "switch", "case", "func", "import", "package", "using", "namespace", "do"],
    members: &[".", "::", "->"],
    concat: "+",
    bare: &["system", "exec", "puts"],
    calls_members: false,
    scopes: &["os", "std", "System", "java.lang", "base"],
});

const FUNCTIONS: Rows = &[
    (
        Does::Plain,
        "print println printf puts echo fmt.Println fmt.Printf out.println Console.WriteLine len cat paste string",
    ),
    (
        Does::Shell,
        "system popen shell exec Runtime.getRuntime.exec Runtime.exec Process.Start Process.run os.execute \
         system2 libc.system C.system Deno.run pipe shellExecute ShellExecute WinExec",
    ),
    (
        Does::Argv,
        "exec.Command exec.CommandContext ProcessBuilder Command Command.new run Process process.Command \
         syscall.ForkExec posix_spawn",
    ),
    (Does::Exec(0), "execl execlp execv execvp execve execvpe syscall.Exec unix.Exec"),
    (
        Does::Load,
        "dlopen LoadLibrary dyn.load source System.load System.loadLibrary loadLibrary Assembly.LoadFrom plugin.Open",
    ),
    (Does::To(Delete, 0), "unlink remove Remove File.Delete file.remove Files.delete rmdir os.Remove"),
    (
        Does::Tree(Delete, 0),
        "RemoveAll os.RemoveAll Directory.Delete unlink_all remove_dir_all fs.remove_dir_all FileUtils.deleteDirectory",
    ),
    (
        Does::To(Write, 0),
        "writeFile WriteFile os.WriteFile os.Create Create File.WriteAllText writeLines FileWriter FileOutputStream fs.write",
    ),
    (
        Does::To(Read, 0),
        "ReadFile os.ReadFile os.Open readLines File.ReadAllText FileReader FileInputStream fs.read fs.read_to_string",
    ),
    (Does::To(Permission, 0), "chmod Chmod os.Chmod Sys.chmod"),
    (Does::Act(Kill), "kill Kill syscall.Kill"),
    (Does::Act(PrivilegeRaised), "setuid setgid Setuid Setgid syscall.Setuid seteuid setreuid"),
    (
        Does::Connects,
        "net.Dial net.DialTimeout tls.Dial Socket TcpClient TCPClient TcpStream.connect socketConnection \
         Sockets.TcpClient Net.Sockets.TcpClient Net.Sockets.TCPClient syscall.Connect connect socket SSLSocket \
         SocketChannel.open make.socket",
    ),
    (
        Does::Listens,
        "net.Listen ServerSocket TcpListener TcpListener.bind syscall.Bind syscall.Listen bind listen accept serverSocket",
    ),
    (Does::HandsOver, "dup2 Dup2 syscall.Dup2 unix.Dup2"),
    (Does::Act(NetworkFetch), "http.Get http.Post download.file curl URL openStream DownloadString DownloadFile"),
    (Does::Forks, "fork"),
];

const METHODS: Rows = &[
    (Does::Plain, "print println printf write read close Close flush toString length append add"),
    (Does::Shell, "exec system"),
    (Does::Argv, "Command command"),
    (Does::Connects, "connect Connect Dial"),
    (Does::Listens, "accept listen bind Accept Listen Bind"),
    (Does::HandsOver, "dup2 Dup2"),
    (Does::ToSelf(Delete), "delete deleteIfExists"),
];

/// Words with which editors, debuggers and monitors begin a line for a shell.
const SHELL_WORDS: &[&str] = &["shell ", "terminal ", "term ", "system "];

/// Says what can be told of code.
pub(super) fn scan(code: &str, found: &mut Findings) {
    machine::follow(Language::Other, &GRAMMAR, code, found);
    for line in code.lines() {
        let line = line.trim().trim_start_matches(':');
        if let Some(command) =
            line.strip_prefix('!').or_else(|| SHELL_WORDS.iter().find_map(|word| line.strip_prefix(word)))
        {
            found.shell(&Value::text(command.trim_start_matches('!').trim()));
        }
        if let Some(python) = ["python ", "py ", "python3 ", "py3 "].iter().find_map(|word| line.strip_prefix(word)) {
            machine::follow(Language::Python, &super::python::GRAMMAR, python, found);
        }
    }
    // Tcl, where commands have no parentheses.
    let has = |word: &str| code.split(|char: char| !char.is_alphanumeric()).any(|other| other == word);
    if has("socket") && (has("exec") || has("eval")) {
        found.connected();
        found.handed_over();
    }
    if code.contains("/dev/tcp/") {
        found.connected();
        found.effect_on(EffectKind::NetworkSend, None, false);
    }
    found.opaque();
}
