//! What Ruby's methods do.

use std::sync::LazyLock;

use ogent_protocol::verdict::EffectKind::{self, Delete, Kill, Ownership, Permission, PrivilegeRaised, Read, Write};

use super::does::{Does, Makes, Rows, Table};
use super::grammar::Grammar;

pub(super) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar {
    table: Table::new(FUNCTIONS, METHODS, KNOWN, HARMLESS),
    prefixes: &["return", "not", "yield", "defined?", "new"],
    words: &[
        "if", "elsif", "else", "unless", "while", "until", "and", "or", "end", "begin", "rescue", "ensure", "then",
        "case", "when", "in", "next", "break", "redo", "retry", "BEGIN", "END", "loop", "alias", "undef", "self",
        "nil", "true", "false",
    ],
    members: &[".", "&.", "::"],
    concat: "+",
    bare: &["*"],
    calls_members: true,
    scopes: &["Kernel", "Object", "self"],
});

const FUNCTIONS: Rows = &[
    (
        Does::Plain,
        "puts print p pp printf putc gets readline readlines rand srand sleep exit exit! abort at_exit raise \
         fail Integer Float String Array Hash Rational Complex lambda proc block_given? catch throw caller \
         attr_accessor attr_reader attr_writer include extend private public protected warn srand trap gem \
         STDIN.read STDIN.gets STDIN.each_line STDIN.readlines STDIN.readline STDIN.tty? STDOUT.puts STDOUT.print \
         STDOUT.write STDOUT.flush STDOUT.sync STDERR.puts STDERR.print ARGF.read ARGF.each_line ARGF.readlines \
         ARGF.each ARGF.gets ARGV.first ARGV.shift ARGV.map ARGV.each ARGV.join ARGV.size ENV.fetch ENV.to_h \
         ENV.each ENV.key? ENV.keys File.exist? File.exists? File.file? File.directory? File.size File.basename \
         File.dirname File.extname File.expand_path File.absolute_path File.stat File.lstat File.mtime \
         File.symlink? File.readable? File.writable? File.executable? File.realpath File.zero? File.fnmatch \
         File.split File.readlink File.ftype File.size? Dir.exist? Dir.pwd Dir.home Dir.tmpdir Dir.empty? \
         Dir.getwd Dir.chdir Process.pid Process.ppid Process.uid Process.euid Process.gid Process.clock_gettime \
         Process.wait Process.waitpid Process.detach Process.setsid Process.daemon Process.wait2 Process.waitall \
         Etc.getpwuid Etc.getlogin Etc.nprocessors Socket.gethostname GC.start GC.stat ObjectSpace.count_objects \
         RbConfig.ruby Gem.loaded_specs Gem.ruby_version Signal.trap Time.now Time.at Time.parse Time.new \
         Time.mktime Random.rand Random.new SecureRandom.hex",
    ),
    (Does::Makes(Makes::Path), "File.join"),
    (Does::Makes(Makes::Format), "format sprintf"),
    (Does::Makes(Makes::Base64), "Base64.decode64 Base64.strict_decode64 Base64.urlsafe_decode64"),
    (
        Does::Plain,
        "Base64.encode64 Base64.strict_encode64 Dir.glob Dir.entries Dir.children Dir.each_child Dir.foreach \
         Shellwords.escape Dir.new Dir.[] Dir",
    ),
    (Does::Same, "URI URI.parse Pathname Pathname.new StringIO.new"),
    (
        Does::Command,
        "system exec spawn Process.spawn Process.exec Process.daemonize PTY.spawn Open3.capture2 \
         Open3.capture2e Open3.capture3 Open3.popen2 Open3.popen2e Open3.popen3 Open3.pipeline Open4.popen4 \
         Spawn.spawn",
    ),
    (Does::Shell, "IO.popen"),
    (
        Does::Eval,
        "eval instance_eval class_eval binding.eval Binding.eval TOPLEVEL_BINDING.eval RubyVM.InstructionSequence.compile",
    ),
    (
        Does::Unseen,
        "Marshal.load YAML.load YAML.unsafe_load Fiddle.Function.new Fiddle.dlopen DL.dlopen syscall \
         binding.irb ObjectSpace.each_object binding.pry Psych.load DRb.start_service ERB.new",
    ),
    (Does::Load, "load require_relative Fiddle.Handle.new"),
    (Does::Imports, "require"),
    (Does::Invokes, "send __send__ public_send method"),
    (Does::Opens, "open File.open File.new  Zlib.GzipReader.open Zlib.GzipWriter.open CSV.open"),
    (Does::To(Read, 0), "URI.open"),
    (
        Does::To(Read, 0),
        "File.read File.readlines File.foreach File.binread IO.read IO.readlines IO.foreach IO.binread CSV.read \
         CSV.foreach YAML.load_file JSON.load_file Psych.load_file Pathname.read",
    ),
    (
        Does::To(Write, 0),
        "File.write File.binwrite IO.write IO.binwrite Dir.mkdir FileUtils.mkdir FileUtils.mkdir_p \
         FileUtils.makedirs FileUtils.touch File.utime Dir.mktmpdir Tempfile.new Tempfile.create File.mkfifo",
    ),
    (
        Does::To(Write, 1),
        "File.symlink File.link FileUtils.ln FileUtils.ln_s FileUtils.ln_sf FileUtils.install FileUtils.cp_r",
    ),
    (
        Does::ToAll(Delete, 0),
        "File.delete File.unlink Dir.delete Dir.rmdir Dir.unlink FileUtils.rm FileUtils.rm_f FileUtils.remove \
         FileUtils.rmdir FileUtils.safe_unlink",
    ),
    (
        Does::Tree(Delete, 0),
        "FileUtils.rm_r FileUtils.rm_rf FileUtils.rmtree FileUtils.remove_dir FileUtils.remove_entry \
         FileUtils.remove_entry_secure FileUtils.remove_file",
    ),
    (Does::To(EffectKind::Overwrite, 0), "File.truncate"),
    (Does::ToAll(Permission, 1), "File.chmod File.lchmod FileUtils.chmod FileUtils.chmod_R"),
    (Does::ToAll(Ownership, 2), "File.chown File.lchown FileUtils.chown FileUtils.chown_R"),
    (Does::Moves, "File.rename FileUtils.mv FileUtils.move"),
    (Does::Copies, "FileUtils.cp FileUtils.copy FileUtils.copy_file IO.copy_stream FileUtils.copy_entry"),
    (Does::ToAll(Kill, 1), "Process.kill"),
    (Does::Act(EffectKind::Kernel), "Dir.chroot"),
    (
        Does::Act(PrivilegeRaised),
        "Process.Sys.setuid Process.Sys.setgid Process.Sys.seteuid Process.UID.change_privilege \
         Process.GID.change_privilege Process.setuid Process.initgroups",
    ),
    (Does::HandsOver, "STDIN.reopen STDOUT.reopen STDERR.reopen"),
    (Does::Forks, "fork Process.fork"),
    (
        Does::Connects,
        "TCPSocket.new TCPSocket.open UDPSocket.new UNIXSocket.new Socket.tcp Socket.new SSLSocket.new \
         Net.SSH.start Net.FTP.open Net.FTP.new Net.SMTP.start Net.Telnet.new OpenSSL.SSL.SSLSocket.new",
    ),
    (
        Does::Listens,
        "TCPServer.new TCPServer.open UNIXServer.new UDPServer.new Socket.tcp_server_loop \
         Socket.tcp_server_sockets WEBrick.HTTPServer.new",
    ),
    (Does::Fetches, "Net.HTTP.get Net.HTTP.get_response Net.HTTP.get_print HTTParty.get  Faraday.get RestClient.get"),
    (Does::Sends, "Net.HTTP.post Net.HTTP.post_form HTTParty.post Faraday.post RestClient.post RestClient.put"),
];

const METHODS: Rows = &[
    (
        Does::Plain,
        "each each_with_index each_with_object each_line each_char each_byte each_slice each_cons each_pair \
         each_key each_value each_entry map flat_map collect select filter reject inject reduce sum min max \
         minmax count size length first last take take_while drop drop_while sort sort_by sort! uniq uniq! \
         group_by partition zip flatten compact compact! include? member? any? all? none? one? find detect \
         find_index index rindex push pop shift unshift append prepend insert delete delete_at delete_if concat \
         keys values key? has_key? value? fetch dig merge merge! update store to_a to_h to_s to_i to_f to_sym \
         to_r to_c to_set inspect chars bytes lines scan match match? =~ sub gsub sub! gsub! tr tr_s squeeze \
         start_with? end_with? empty? nil? zero? positive? negative? even? odd? between? clamp abs ceil floor \
         round divmod modulo pow ord hex oct center ljust rjust capitalize swapcase upcase! downcase! chomp! \
         strip! ord succ next times upto downto step cycle lazy force tally min_by max_by sum sample shuffle \
         rotate transpose product combination permutation each_char slice slice! values_at freeze frozen? dup \
         clone class is_a? kind_of? respond_to? instance_of? methods instance_variables tap then itself hash \
         object_id equal? eql? puts print printf write flush sync read gets readline readlines getc each_byte \
         eof? close closed? rewind seek tty? isatty fileno sync= binmode strftime year month day hour min sec \
         usec wday yday to_date to_time iso8601 parse now today at captures named_captures pre_match post_match \
         begin end offset names source options parse! generate pretty_generate hexdigest digest force_encoding \
         valid_encoding? encoding unicode_normalize bytesize sum crypt format column body code message headers \
         status ok? success? value exitstatus pid backtrace full_message banner on ljust with_index with_object \
         each_with_index filter_map chunk_while slice_when zip difference union intersection disjoint? subset? \
         superset? add add? nlink mtime atime ctime mode uid gid alive? wakeup exist? file? directory? basename \
         dirname extname children entries relative? absolute? new version path host port scheme query peeraddr \
         addr recv sysread readpartial write_nonblock read_nonblock set_encoding reverse_each default default= \
         compare_by_identity invert any? sum squeeze! delete! insert ljust lstrip! rstrip! chop chop!",
    ),
    (Does::Same, "encode expand_path decode b"),
    (Does::Makes(Makes::Strip), "strip chomp lstrip rstrip"),
    (Does::Makes(Makes::Join), "join"),
    (Does::Makes(Makes::Reverse), "reverse"),
    (Does::Makes(Makes::Lower), "downcase"),
    (Does::Makes(Makes::Upper), "upcase"),
    (Does::Makes(Makes::Split), "split"),
    (Does::Makes(Makes::Characters), "chr"),
    (Does::Makes(Makes::Pack), "pack"),
    (Does::Makes(Makes::Unpack), "unpack1 unpack"),
    (Does::Command, "system exec spawn popen2 popen3 capture2 capture3"),
    (Does::Shell, "popen"),
    (Does::Eval, "eval instance_eval class_eval module_eval instance_exec class_exec"),
    (Does::Invokes, "send __send__ public_send method"),
    (Does::CallsSelf(0), "call ()"),
    (Does::Unseen, "const_get define_method irb pry load_file"),
    (Does::ToSelf(Delete), "unlink delete! rmtree rmdir rm_rf rm_r"),
    (Does::ToSelf(Write), "binwrite mkpath mkdir touch"),
    (Does::ToSelf(Permission), "chmod"),
    (Does::OpensSelf, "open"),
    (Does::HandsOver, "reopen"),
    (Does::Connects, "connect"),
    (Does::Listens, "accept listen bind"),
    (Does::Fetches, "get get_response request_get"),
    (Does::Sends, "post put patch request post_form send_message"),
    (Does::Sql, "execute exec_query"),
];

const KNOWN: &str = "Kernel File Dir IO FileUtils Process Open3 Open4 PTY Socket TCPSocket TCPServer UDPSocket \
         UNIXSocket UNIXServer Net URI OpenURI Marshal YAML Psych Fiddle DL ObjectSpace Etc Signal Thread \
         Tempfile Pathname Zlib CSV WEBrick OpenSSL DRb Gem RubyVM ENV ARGV ARGF STDIN STDOUT STDERR Base64 \
         Shellwords StringIO ERB Logger open3 open4 pty socket net.http net.https net.ftp net.smtp open-uri \
         fileutils tmpdir tempfile pathname etc yaml psych fiddle zlib csv openssl webrick drb io.console io.wait \
         logger erb stringio base64 shellwords rubygems bundler rake sqlite3 pg mysql2 nokogiri rails timeout \
         thread monitor English readline reline irb pry httparty faraday rest-client expect un";

const HARMLESS: &str = "Math JSON Time Date DateTime Random SecureRandom Digest Set OptionParser Struct \
         Comparable Enumerable Benchmark Array Hash String Integer Float Regexp Range Rational Complex BigDecimal \
         Encoding GC Timeout Mutex Queue RbConfig json date time set digest digest.md5 digest.sha1 digest.sha2 \
         securerandom optparse ostruct OpenStruct bigdecimal bigdecimal.util pp prime matrix benchmark \
         forwardable delegate singleton observer abbrev tsort uri cgi CGI URI.encode_www_form URI.decode_www_form \
         URI.join URI.encode_www_form_component URI.decode_www_form_component rbconfig ipaddr IPAddr \
         Float.INFINITY Process.CLOCK_MONOTONIC racc ripper strscan StringScanner Shellwords.split coverage \
         objspace";
