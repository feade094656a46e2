//! What PHP's functions do.

use std::sync::LazyLock;

use ogent_protocol::verdict::EffectKind::{
    self, Delete, Kill, NetworkSend, Ownership, Permission, PrivilegeRaised, Read, Write,
};

use super::does::{Does, Makes, Rows, Table};
use super::grammar::Grammar;

pub(super) static GRAMMAR: LazyLock<Grammar> = LazyLock::new(|| Grammar {
    table: Table::new(FUNCTIONS, METHODS, KNOWN, HARMLESS).folding_case(),
    prefixes: &[
        "return",
        "new",
        "clone",
        "yield",
        "throw",
        "global",
        "static",
        "public",
        "private",
        "protected",
        "final",
        "abstract",
        "const",
        "not",
    ],
    words: &[
        "if",
        "else",
        "elseif",
        "while",
        "do",
        "for",
        "switch",
        "case",
        "default",
        "break",
        "continue",
        "try",
        "finally",
        "as",
        "endif",
        "endwhile",
        "endfor",
        "endforeach",
        "declare",
        "instanceof",
        "and",
        "or",
        "xor",
        "extends",
        "implements",
    ],
    members: &["->", "?->", "::"],
    concat: ".",
    bare: &["print", "echo", "include", "include_once", "require", "require_once", "exit", "die"],
    calls_members: false,
    scopes: &[],
});

const FUNCTIONS: Rows = &[
    (
        Does::Plain,
        "echo print print_r var_dump var_export printf vprintf number_format exit die isset empty unset list \
         array count sizeof range in_array array_keys array_values array_merge array_combine array_flip \
         array_slice array_splice array_sum array_product array_unique array_search array_key_exists \
         array_key_first array_key_last array_fill array_fill_keys array_pad array_chunk array_column array_diff \
         array_diff_key array_intersect array_intersect_key array_push array_pop array_shift array_unshift \
         array_rand array_count_values array_flip sort rsort asort arsort ksort krsort shuffle compact current \
         key next prev reset end each strlen strpos stripos strrpos strstr stristr strrchr substr substr_count \
         substr_replace ucfirst ucwords lcfirst explode str_split str_pad str_repeat str_word_count str_contains \
         str_starts_with str_ends_with strcmp strcasecmp strncmp strnatcmp similar_text levenshtein soundex \
         metaphone nl2br htmlspecialchars html_entity_decode htmlentities strip_tags addslashes stripslashes \
         wordwrap chunk_split money_format vsprintf sscanf parse_url http_build_query urlencode urldecode \
         rawurlencode rawurldecode base64_encode bin2hex md5 sha1 hash hash_algos crc32 crypt password_hash \
         password_verify uniqid rand mt_rand random_int random_bytes mt_srand srand lcg_value abs ceil floor \
         round sqrt pow exp log log10 sin cos tan pi min max intdiv fmod is_nan is_numeric is_int is_string \
         is_array is_bool is_null is_float is_object is_callable intval floatval strval boolval settype gettype \
         get_class date time mktime strtotime microtime hrtime date_default_timezone_set \
         date_default_timezone_get checkdate gmdate strftime usleep sleep json_encode json_decode json_last_error \
         json_last_error_msg serialize ctype_digit ctype_alpha ctype_upper ctype_lower ctype_space ctype_alnum \
         preg_match preg_match_all preg_split preg_quote preg_grep mb_strlen mb_substr mb_strtoupper \
         mb_strtolower mb_strpos mb_detect_encoding mb_convert_encoding iconv utf8_encode utf8_decode getenv \
         php_sapi_name phpversion php_uname phpinfo php_ini_loaded_file php_ini_scanned_files sys_get_temp_dir \
         memory_get_usage memory_get_peak_usage getmypid get_current_user gethostname getcwd extension_loaded \
         get_loaded_extensions zend_version ini_get ini_get_all function_exists class_exists method_exists \
         defined define constant version_compare set_time_limit error_reporting ini_set fgets fgetc fgetcsv fread \
         fclose pclose proc_close gzclose feof fscanf fflush ftell fseek rewind fstat stream_get_contents \
         stream_get_line fputs fwrite file_exists is_file is_dir is_readable is_writable is_link filesize \
         filemtime fileperms fileowner stat basename dirname pathinfo realpath disk_free_space disk_total_space \
         opendir readdir closedir ob_start ob_get_clean ob_end_clean flush gc_collect_cycles trigger_error \
         debug_zval_refcount error_log checkdnsrr gethostbyname dns_get_record stream_context_create \
         stream_set_timeout stream_set_blocking stream_select posix_getuid posix_geteuid posix_getpwuid \
         posix_getpid posix_ttyname posix_isatty escapeshellarg escapeshellcmd ctype_punct gmp_add bcadd bcmul \
         bcdiv bcpow array_is_list iterator_to_array spl_object_id opcache_get_status curl_init curl_setopt \
         curl_setopt_array curl_close curl_error curl_getinfo curl_version chdir umask DateTime DateTimeImmutable \
         DateInterval DateTimeZone ArrayObject ArrayIterator Exception stdClass SplStack SplQueue \
         simplexml_load_string xml_parser_create openssl_random_pseudo_bytes openssl_encrypt openssl_decrypt \
         gzuncompress gzdecode gzencode gzcompress STDIN STDOUT STDERR PHP_EOL mb_str_split ucwords array_find \
         pcntl_signal pcntl_wait pcntl_waitpid posix_setsid posix_times sys_getloadavg",
    ),
    (Does::Makes(Makes::Format), "sprintf"),
    (Does::Makes(Makes::Join), "implode join"),
    (Does::Makes(Makes::Reverse), "strrev array_reverse"),
    (Does::Makes(Makes::Lower), "strtolower"),
    (Does::Makes(Makes::Upper), "strtoupper"),
    (Does::Makes(Makes::Strip), "trim rtrim ltrim chop"),
    (Does::Makes(Makes::Replace), "str_replace str_ireplace strtr"),
    (Does::Makes(Makes::Base64), "base64_decode"),
    (Does::Makes(Makes::Hex), "hex2bin"),
    (Does::Makes(Makes::Pack), "pack"),
    (Does::Makes(Makes::Rot13), "str_rot13"),
    (Does::Makes(Makes::Characters), "chr"),
    (Does::Plain, "glob scandir gzinflate convert_uudecode unpack"),
    (
        Does::Calls,
        "filter_var array_map array_filter array_walk array_reduce usort uasort uksort iterator_apply \
         preg_replace_callback array_udiff array_uintersect register_shutdown_function set_error_handler ob_start \
         spl_autoload_register header_register_callback set_exception_handler is_callable forward_static_call \
         array_walk_recursive ReflectionFunction",
    ),
    (Does::Matches, "preg_replace"),
    (Does::Applies, "call_user_func call_user_func_array func_overload forward_static_call_array"),
    (Does::Shell, "system exec shell_exec passthru popen proc_open expect_popen ssh2_exec"),
    (Does::Argv, "pcntl_exec"),
    (Does::Eval, "eval assert"),
    (
        Does::Unseen,
        "unserialize create_function extract parse_str dl FFI.cdef FFI.load mb_ereg_replace_callback ReflectionMethod",
    ),
    (Does::Load, "include include_once require require_once"),
    (Does::Opens, "fopen gzopen bzopen SplFileObject"),
    (
        Does::To(Read, 0),
        "file_get_contents file readfile fpassthru show_source highlight_file parse_ini_file \
         simplexml_load_file php_strip_whitespace",
    ),
    (Does::To(Write, 0), "file_put_contents mkdir touch tempnam tmpfile imagepng imagejpeg"),
    (Does::To(Write, 1), "symlink link move_uploaded_file"),
    (Does::To(Delete, 0), "unlink rmdir"),
    (Does::To(EffectKind::Overwrite, 0), "ftruncate"),
    (Does::To(Permission, 0), "chmod"),
    (Does::To(Ownership, 0), "chown chgrp lchown"),
    (Does::Moves, "rename"),
    (Does::Copies, "copy"),
    (Does::To(Kill, 0), "posix_kill"),
    (Does::Act(Kill), "proc_terminate"),
    (Does::Act(EffectKind::Kernel), "chroot"),
    (Does::Act(PrivilegeRaised), "posix_setuid posix_seteuid posix_setgid posix_setegid posix_initgroups"),
    (Does::Act(NetworkSend), "mail curl_exec ftp_put curl_multi_exec"),
    (Does::Forks, "pcntl_fork"),
    (Does::Connects, "fsockopen pfsockopen stream_socket_client socket_connect ftp_connect ssh2_connect"),
    (
        Does::Listens,
        "stream_socket_server socket_bind socket_listen socket_accept stream_socket_accept socket_create_listen",
    ),
    (
        Does::Plain,
        "socket_create socket_read socket_write socket_close socket_recv socket_send mysqli_connect PDO mysqli pg_connect",
    ),
    (Does::Sql, " pg_query"),
];

const METHODS: Rows = &[
    (
        Does::Plain,
        "format modify getTimestamp diff add sub setTimezone setDate setTime getMessage getCode getTrace \
         getTraceAsString push pop top count current next key valid rewind getArrayCopy append offsetGet \
         offsetSet offsetExists fetch fetchAll fetch_assoc fetch_all fetch_row bind_param bindValue getName \
         getValue toArray jsonSerialize getIterator isEmpty enqueue dequeue shift unshift getLine getFile \
         __toString",
    ),
    (Does::Sql, "query exec prepare"),
    (Does::Applies, "invoke"),
    (Does::Shell, "shell_exec system"),
    (Does::CallsSelf(0), "call __invoke"),
];

const KNOWN: &str = "FFI Phar ZipArchive Imagick Reflection ReflectionClass";
const HARMLESS: &str = "DateTime DateTimeImmutable DateInterval DateTimeZone";
