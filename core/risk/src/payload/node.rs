//! What the functions of JavaScript, of Node, Deno and Bun do.

use std::sync::LazyLock;

use ogent_protocol::verdict::EffectKind::{
    self, DatabaseDrop, Delete, Kill, Ownership, Permission, PrivilegeRaised, Read, Write,
};

use super::does::{Does, Makes, Rows, Table};
use super::grammar::Grammar;

pub(super) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar {
    table: Table::new(FUNCTIONS, METHODS, KNOWN, HARMLESS),
    prefixes: &[
        "return", "await", "yield", "async", "new", "typeof", "void", "delete", "throw", "const", "let", "var",
        "export",
    ],
    words: &[
        "if",
        "else",
        "for",
        "while",
        "do",
        "switch",
        "case",
        "default",
        "break",
        "continue",
        "try",
        "finally",
        "in",
        "of",
        "instanceof",
        "extends",
        "static",
        "get",
        "set",
        "debugger",
        "with",
    ],
    members: &[".", "?."],
    concat: "+",
    bare: &[],
    calls_members: false,
    scopes: &["globalThis", "global", "window", "self", "process.mainModule", "module"],
});

const FUNCTIONS: Rows = &[
    (
        Does::Plain,
        "console.log console.error console.warn console.info console.debug console.table console.dir \
         console.time console.timeEnd console.assert console.count console.group console.groupEnd console.trace \
         parseInt parseFloat isNaN isFinite encodeURIComponent decodeURIComponent encodeURI decodeURI escape \
         unescape Number Boolean Array Object Symbol BigInt Date RegExp Map Set WeakMap WeakSet Promise Error \
         TypeError RangeError Proxy Uint8Array Uint16Array Uint32Array Int32Array Float64Array ArrayBuffer \
         DataView URL URLSearchParams TextEncoder TextDecoder AbortController Intl.NumberFormat \
         Intl.DateTimeFormat Event EventTarget setTimeout setInterval setImmediate clearTimeout clearInterval \
         queueMicrotask structuredClone btoa alert process.exit process.cwd process.uptime process.memoryUsage \
         process.hrtime process.hrtime.bigint process.getuid process.getgid process.geteuid process.nextTick \
         process.stdout.write process.stderr.write process.on process.stdin.on process.once \
         process.stdin.setEncoding process.stdin.resume process.stdin.read process.stdin.pipe process.cpuUsage \
         process.umask process.abort process.emitWarning process.resourceUsage process.stdin.once \
         process.stdin.setRawMode process.chdir Buffer.byteLength Buffer.isBuffer Buffer.alloc Buffer.allocUnsafe \
         Buffer.compare Date.now Date.parse Date.UTC require.resolve fs.existsSync fs.statSync fs.lstatSync \
         fs.readdirSync fs.accessSync fs.realpathSync fs.readlinkSync fs.stat fs.lstat fs.readdir fs.access \
         fs.realpath fs.readlink fs.exists fs.fstatSync fs.closeSync fs.close fs.watch fs.watchFile \
         fs.promises.stat fs.promises.readdir fs.promises.access fs.promises.realpath fs.opendirSync fs.readSync \
         os.hostname os.cpus os.totalmem os.freemem os.platform os.arch os.release os.type os.uptime os.loadavg \
         os.networkInterfaces os.homedir os.tmpdir os.userInfo os.version os.machine os.endianness \
         os.availableParallelism readline.createInterface readline.question dns.lookup dns.resolve \
         dns.promises.lookup dns.resolve4 dns.resolve6 zlib.inflateSync zlib.gunzipSync zlib.gzipSync \
         zlib.deflateSync zlib.createGunzip zlib.createGzip stream.pipeline net.isIP net.isIPv4 net.isIPv6 \
         net.Socket cluster.isMaster Deno.cwd Deno.exit Deno.args Deno.env.get Bun.version Bun.sleep \
         performance.now crypto.randomUUID crypto.getRandomValues http.Agent https.Agent tls.rootCertificates",
    ),
    (Does::Same, "String  path.normalize"),
    (Does::Makes(Makes::Codec), "Buffer.from"),
    (Does::Makes(Makes::Base64), "atob"),
    (Does::Makes(Makes::Characters), "String.fromCharCode String.fromCodePoint"),
    (Does::Makes(Makes::Path), "path.join path.resolve path.posix.join"),
    (Does::Lists, "Array.of"),
    (Does::Same, "Array.from Buffer.concat"),
    (
        Does::Shell,
        "child_process.exec child_process.execSync Bun.$ shelljs.exec execa.command execa.commandSync zx.$ \
         shell.exec execa.execaCommand execa.execaCommandSync child_process.exec.sync",
    ),
    (
        Does::Argv,
        "child_process.spawn child_process.spawnSync child_process.execFile child_process.execFileSync \
         cross-spawn cross-spawn.sync execa execa.sync execa.execa execa.execaSync node-pty.spawn Deno.Command \
         Deno.run Bun.spawn Bun.spawnSync",
    ),
    (Does::Compiles, "Function vm.Script"),
    (Does::Eval, "eval vm.runInThisContext vm.runInNewContext vm.runInContext"),
    (
        Does::Unseen,
        "process.binding process._linkedBinding process.dlopen repl.start vm.compileFunction inspector.open \
         v8.deserialize WebAssembly.instantiate WebAssembly.Instance",
    ),
    (Does::Load, "child_process.fork worker_threads.Worker Worker process.load  import.meta.require"),
    (Does::Forks, "cluster.fork"),
    (Does::Imports, "require import  process.getBuiltinModule require.main.require"),
    (Does::Opens, "fs.openSync fs.open fs.promises.open Deno.open Deno.openSync"),
    (
        Does::To(Read, 0),
        "fs.readFileSync fs.readFile fs.promises.readFile fs.createReadStream Deno.readTextFile Deno.readFile \
         Deno.readTextFileSync Bun.file",
    ),
    (
        Does::To(Write, 0),
        "fs.writeFileSync fs.writeFile fs.promises.writeFile fs.appendFileSync fs.appendFile \
         fs.promises.appendFile fs.createWriteStream fs.mkdirSync fs.mkdir fs.promises.mkdir fs.mkdtempSync \
         fs.utimesSync Deno.writeTextFile Deno.writeFile Deno.writeTextFileSync Deno.mkdir Bun.write fs.writeSync \
         fs.write",
    ),
    (Does::To(Write, 1), "fs.symlinkSync fs.symlink fs.linkSync fs.link fs.cpSync fs.cp fs.promises.cp"),
    (Does::To(Delete, 0), "fs.unlinkSync fs.unlink fs.promises.unlink fs.rmdirSync fs.rmdir fs.promises.rmdir"),
    (
        Does::Tree(Delete, 0),
        "fs.rmSync fs.rm fs.promises.rm rimraf rimraf.sync fs-extra.removeSync fs-extra.remove \
         fs-extra.emptyDirSync Deno.remove Deno.removeSync del del.sync fs.removeSync fs.remove shelljs.rm",
    ),
    (Does::To(EffectKind::Overwrite, 0), "fs.truncateSync fs.truncate fs.ftruncateSync"),
    (Does::To(Permission, 0), "fs.chmodSync fs.chmod fs.promises.chmod fs.fchmodSync fs.lchmodSync Deno.chmod"),
    (Does::To(Ownership, 0), "fs.chownSync fs.chown fs.promises.chown fs.lchownSync Deno.chown"),
    (Does::Moves, "fs.renameSync fs.rename fs.promises.rename Deno.rename"),
    (Does::Copies, "fs.copyFileSync fs.copyFile fs.promises.copyFile Deno.copyFile"),
    (Does::To(Kill, 0), "process.kill process._debugProcess Deno.kill"),
    (
        Does::Act(PrivilegeRaised),
        "process.setuid process.setgid process.seteuid process.setegid process.setgroups process.initgroups",
    ),
    (
        Does::Connects,
        "net.connect net.createConnection tls.connect dgram.createSocket ws WebSocket net.socket ssh2.Client",
    ),
    (Does::Listens, "net.createServer net.Server Deno.listen Deno.serve Bun.serve Bun.listen"),
    (Does::Listens, "http.createServer https.createServer express http2.createServer"),
    (
        Does::Fetches,
        "fetch http.get https.get axios axios.get got got.get node-fetch undici.fetch needle.get XMLHttpRequest",
    ),
    (
        Does::Sends,
        "http.request https.request axios.post axios.put got.post axios.request undici.request navigator.sendBeacon",
    ),
    (Does::To(EffectKind::RemoteDelete, 0), "axios.delete"),
    (Does::Same, "util.promisify promisify"),
    (Does::Act(DatabaseDrop), "db.dropDatabase db.dropUser"),
];

const METHODS: Rows = &[
    (
        Does::Plain,
        "push pop shift unshift splice indexOf lastIndexOf includes find findIndex findLast filter map forEach \
         reduce reduceRight some every sort flat flatMap fill keys values entries length at copyWithin startsWith \
         endsWith padStart padEnd match matchAll search test charAt charCodeAt codePointAt localeCompare \
         normalize substring substr slice toFixed toPrecision toExponential toISOString toJSON getTime \
         getFullYear getMonth getDate getDay getHours getMinutes getSeconds getMilliseconds toLocaleString \
         toLocaleDateString toLocaleTimeString toDateString getTimezoneOffset setDate setMonth setFullYear \
         setHours setMinutes getUTCFullYear toUTCString get set has add delete clear hasOwnProperty isPrototypeOf \
         then catch finally on once off emit removeListener addListener write end pipe resume pause setEncoding \
         close destroy read question prompt line json text arrayBuffer blob getHeader setHeader writeHead status \
         ok headers update digest copy equals readUInt8 readUInt32BE readInt32LE writeUInt8 log error isDirectory \
         isFile isSymbolicLink encode decode resolve reject all race allSettled abort unref ref format \
         formatToParts swap raw next append getAll description isBuffer setNoDelay setKeepAlive address cork \
         uncork splitn subarray toSorted toReversed with toSpliced search params href limit skip pretty count \
         findOne aggregate explain stats countDocuments project",
    ),
    (Does::Same, "toString valueOf"),
    (Does::Makes(Makes::Strip), "trim trimStart trimEnd trimLeft trimRight"),
    (Does::Makes(Makes::Join), "join"),
    (Does::Makes(Makes::Reverse), "reverse"),
    (Does::Makes(Makes::Concat), "concat"),
    (Does::Makes(Makes::Replace), "replace replaceAll"),
    (Does::Makes(Makes::Lower), "toLowerCase toLocaleLowerCase"),
    (Does::Makes(Makes::Upper), "toUpperCase toLocaleUpperCase"),
    (Does::Makes(Makes::Split), "split"),
    (Does::Plain, "exec repeat"),
    (Does::CallsSelf(1), "call"),
    (Does::CallsSelf(1), "apply"),
    (Does::Same, "bind"),
    (Does::Unseen, "constructor dlopen runInThisContext runInNewContext"),
    (Does::Shell, "execSync"),
    (Does::Argv, "spawn spawnSync execFile execFileSync"),
    (Does::Listens, "listen createServer"),
    (Does::Connects, "connect createConnection"),
    (Does::To(Delete, 0), "unlinkSync unlink rmdirSync"),
    (Does::Tree(Delete, 0), "rmSync rm removeSync emptyDirSync"),
    (Does::To(Write, 0), "writeFileSync writeFile appendFileSync appendFile createWriteStream mkdirSync"),
    (Does::To(Read, 0), "readFileSync readFile createReadStream"),
    (Does::To(Permission, 0), "chmodSync"),
    (Does::Moves, "renameSync"),
    (Does::Act(Kill), "kill"),
    (Does::Act(PrivilegeRaised), "setuid setgid"),
    (Does::Sends, "request post put patch send"),
    (Does::Act(DatabaseDrop), "dropDatabase drop deleteMany dropUser dropCollection remove dropIndexes"),
    (
        Does::Act(EffectKind::DatabaseChange),
        "insertOne insertMany updateOne updateMany replaceOne deleteOne createCollection createIndex createUser \
         renameCollection bulkWrite",
    ),
    (Does::Sql, "query execute"),
];

const KNOWN: &str = "child_process fs os path process net tls http https http2 dgram dns vm repl module \
         inspector v8 worker_threads cluster readline stream zlib tty async_hooks perf_hooks diagnostics_channel \
         Deno Bun require import fs.promises fs-extra rimraf del shelljs shell execa zx cross-spawn node-pty \
         axios got node-fetch undici needle ws express koa fastify ssh2 console Buffer WebAssembly Reflect Proxy \
         pg mysql mysql2 sqlite3 better-sqlite3 redis mongodb mongoose dotenv commander yargs typescript webpack \
         vite react react-dom next vue electron puppeteer playwright eslint prettier jest mocha sharp \
         readline.promises timers.promises node-gyp prisma yaml js-yaml";

const HARMLESS: &str = "Math JSON Object Number String Array Symbol Promise Date BigInt Intl Reflect.ownKeys \
         Reflect.has util url querystring crypto assert string_decoder punycode events timers buffer path \
         perf_hooks performance lodash underscore moment dayjs date-fns uuid nanoid chalk semver ms minimist \
         process.versions process.version process.env process.argv process.stdout process.stderr \
         process.memoryUsage process.config process.release constants os.constants ramda cheerio luxon ajv zod \
         validator bignumber.js color";
