//! Python, Perl, Ruby, JavaScript, PHP, Lua, and others.

use super::{argv, plain, shell};
use crate::payload::Language::{Lua, Node, Other, Perl, Php, PowerShell, Python, Ruby};

#[test]
fn what_only_computes_is_plain() {
    plain(
        Python,
        &[
            "print(6 * 7)",
            "import json, sys; print(json.load(sys.stdin)['items'][0]['name'])",
            "import sys\nfor line in sys.stdin:\n    print(f\"{line.strip():>20} {len(line)}\")",
            "print('os.system(\"id\")')  # os.system('id')",
            "import re as r; print(r.sub(r'\\d+', '#', input()))",
            "print('\\n'.join(sorted({x.lower() for x in open(0).read().split()})))",
            "from datetime import datetime, timedelta; print(datetime.now() - timedelta(days=1))",
            "def f(n): return n if n < 2 else f(n - 1) + f(n - 2)\nprint(f(20))",
            "\"\"\"import os; os.system('id')\"\"\"\nprint('a' 'b' % ())",
            "import numpy; print(numpy.__version__)",
        ],
    );
    plain(
        Perl,
        &[
            "print if /x/ and not m{y}i",
            "$n{$_}++; END { printf \"%s %d\\n\", $_, $n{$_} for sort { $n{$b} <=> $n{$a} } keys %n }",
            "s/(\\w+)/\\u$1/g; tr/a-z//cd; print ucfirst lc",
            "use List::Util qw(max); print max(@F[1..3]), \"$F[0] @{[ $x / 2 ]}\\n\" unless $. % 2",
            "print qq{system(\"id\")}, q(`id`), <<EOT;\nsystem('id')\nEOT\n",
            "BEGIN { $/ = undef } my ($a, $b) = split /,\\s*/, <STDIN>; print \"$b-$a\" x 3",
        ],
    );
    plain(
        Ruby,
        &[
            "puts ARGF.each_line.map(&:to_i).sum",
            "require 'json'; puts JSON.parse($stdin.read)['a'].map { |k, v| \"#{k}: #{v.to_s.upcase}\" }",
            "puts %w[a b].each_with_index.to_a.inspect, :system, 'system(\"id\")' # system('id')",
            "$_.gsub!(/\\s+/, ' '); puts $_ if $_ =~ /x/",
        ],
    );
    plain(
        Node,
        &[
            "console.log(process.version, [3, 1].sort((a, b) => a - b).map(x => `${x}!`).join('; '))",
            "let s = ''; process.stdin.on('data', c => s += c).on('end', () => console.log(JSON.parse(s).name))",
            "const { createHash } = require('crypto'); console.log(createHash('sha256').update('x').digest('hex'))",
            "console.log(\"require('child_process').execSync('id')\") // eval(x)",
            "console.log(/['\"]/.test('a') ? new Date().toISOString() : 1 / 2)",
        ],
    );
    plain(
        Php,
        &[
            "echo strrev('abc'), PHP_EOL;",
            "foreach (range(1, 3) as $i => $v) { printf(\"%d: {$v}\\n\", $i); } // system('id');",
        ],
    );
    plain(
        Lua,
        &[
            "for i = 1, 3 do print(i, ('x'):rep(i)) end -- os.execute('id')",
            "print(#[[os.execute('id')]], math.floor(2.5))",
        ],
    );
    plain(
        PowerShell,
        &[
            "Get-Process | Sort-Object CPU | Select-Object -First 3",
            "Write-Output 'Remove-Item x'; (Get-Date).ToString('yyyy')",
        ],
    );
}

#[test]
fn shells_are_found_however_they_are_called() {
    shell(
        Python,
        &[
            ("import os; os.system('rm -rf /srv')", "rm -rf /srv"),
            ("from os import system as say; say('id')", "id"),
            ("from os import *\nsystem('id')", "id"),
            ("import os as o; run = o.popen; c = 'i'; c += 'd'; run(c).read()", "id"),
            ("__import__('o' + 's').system(''.join(['i', 'd']))", "id"),
            ("getattr(__import__('os'), 'sys' + 'tem')('id')", "id"),
            ("import sys; sys.modules['os'].__dict__['system']('id')", "id"),
            ("exec(__import__('base64').b64decode('aW1wb3J0IG9zO29zLnN5c3RlbSgiaWQiKQ=='))", "id"),
            ("eval(compile('__import__(\"os\").system(\"id\")', 'x', 'eval'))", "id"),
            ("import os; os.system(chr(105) + chr(100)); os.system('%s' % 'id')", "id"),
            ("import os; os.system(bytes.fromhex('6964').decode())", "id"),
            ("import codecs, os; os.system(codecs.decode('vq', 'rot13'))", "id"),
            ("import subprocess as s; s.run('{} -a'.format('id'), shell=True)", "id -a"),
            ("import subprocess; subprocess.run(['sh'], input='reboot', text=True)", "echo 'reboot' | 'sh'"),
            ("print(f\"{__import__('os').system('id')}\")", "id"),
            ("import os\nfor c in ['id', 'halt']:\n    os.system(c)", "halt"),
            ("import os\nc = 'id'\nif len(c) > 3: c = 'halt'\nos.system(c)", "id"),
        ],
    );
    shell(
        Perl,
        &[
            ("system 'rm -rf /srv'", "rm -rf /srv"),
            ("print `id`, qx{halt}", "halt"),
            ("open(my $f, '-|', 'id') or die", "id"),
            ("open F, 'id|'; print <F>", "id"),
            ("my $c = pack('H*', '6964'); exec $c", "id"),
            ("$f = 'sys' . 'tem'; &$f('id')", "id"),
            ("&{'system'}('id')", "id"),
            ("s/x/system('id')/e", "id"),
            ("print \"@{[ `id` ]}\"", "id"),
            ("eval 'system(q(id))'", "id"),
            ("@ARGV = ('id |'); print <>", "id"),
            ("push @ARGV, 'id|'; print while <>", "id"),
        ],
    );
    shell(
        Ruby,
        &[
            ("`id`; %x(halt)", "halt"),
            ("puts \"a#{system('id')}\"", "id"),
            ("Kernel.send(:system, 'id')", "id"),
            ("IO.popen('id') { |io| puts io.read }", "id"),
            ("eval 'c3lzdGVtKCdpZCcp'.unpack1('m')", "id"),
            ("open('|id').read", "id"),
        ],
    );
    shell(
        Node,
        &[
            ("require('child_process').execSync('id')", "id"),
            ("const { exec: e } = require('node:child_process'); e('id', (x, o) => console.log(o))", "id"),
            ("import { execSync } from 'child_process'; execSync(`id`)", "id"),
            ("require('child_' + 'process')['ex' + 'ec'](String.fromCharCode(105, 100))", "id"),
            ("new Function(\"require('child_process').exec('id')\")()", "id"),
            ("process.mainModule.require('child_process').exec(Buffer.from('aWQ=', 'base64').toString())", "id"),
        ],
    );
    shell(
        Php,
        &[
            ("system('id');", "id"),
            ("echo `id`;", "id"),
            ("$f = 'pass' . 'thru'; $f('id');", "id"),
            ("call_user_func('\\x73ystem', 'id') . call_user_func(\"\\x73ystem\", 'id');", "id"),
            ("eval(base64_decode('c3lzdGVtKCdpZCcpOw=='));", "id"),
            ("<b><?= shell_exec('id') ?></b>", "id"),
        ],
    );
    shell(
        Lua,
        &[
            ("os.execute('id')", "id"),
            ("local p = io.popen; p 'id'", "id"),
            ("_G['os']['exe' .. 'cute']('id')", "id"),
            ("load('os.execute(\"id\")')()", "id"),
        ],
    );
    shell(
        Other,
        &[("invisible(system(\"id\"))", "id"), ("!id", "id"), ("r = Runtime.getRuntime(); r.exec(\"id\");", "id")],
    );
}

#[test]
fn programs_without_a_shell_are_found() {
    argv(
        Python,
        &[
            ("import subprocess; subprocess.check_call(['rm', '-rf', '/srv'])", &["rm", "-rf", "/srv"]),
            ("import os; os.execvp('rm', ['rm', '-rf', '/srv'])", &["rm", "-rf", "/srv"]),
            ("import os; os.execl('/bin/sh', 'sh', '-c', 'id')", &["/bin/sh", "-c", "id"]),
            ("import os; os.spawnlp(os.P_WAIT, 'rm', 'rm', '/srv')", &["rm", "/srv"]),
            ("a = ['rm']; a.append('/srv'); __import__('subprocess').Popen(a)", &["rm", "/srv"]),
        ],
    );
    argv(Perl, &[("system('rm', '-rf', '/srv')", &["rm", "-rf", "/srv"]), ("exec qw(rm /srv)", &["rm", "/srv"])]);
    argv(
        Ruby,
        &[("system 'rm', '/srv'", &["rm", "/srv"]), ("require 'open3'; Open3.capture2('rm', '/srv')", &["rm", "/srv"])],
    );
    argv(Node, &[("require('child_process').spawn('sh', ['-c', 'id'], { stdio: 'inherit' })", &["sh", "-c", "id"])]);
    argv(Php, &[("pcntl_exec('/bin/sh', ['-c', 'id']);", &["/bin/sh", "-c", "id"])]);
    argv(Other, &[("exec.Command(\"rm\", \"-rf\", \"/srv\").Run()", &["rm", "-rf", "/srv"])]);
    shell(Python, &[("import subprocess, sys; subprocess.run(['cat', sys.argv[1]])", "'cat' \"${UNKNOWN}\"")]);
}
