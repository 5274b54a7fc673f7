"""The command line as such: help, versions, faults, exit codes."""
import os
import re
import subprocess

import weir_program
from weir_program import TestCase, run


def command_names():
    _, text, _ = run('--help')
    listed = text.split('Commands:\n')[1].split('\n\n')[0]
    return re.findall(r'^  (\w+) ', listed, re.MULTILINE)


class CommandLine(TestCase):
    def test_help_lists_commands_and_exit_codes(self):
        code, text, errors = run('--help')
        self.assertEqual((code, errors), (0, ''))
        self.assertIn('Usage: weir COMMAND', text)
        self.assertIn('Exit codes: 0 done, 1 failed, 2 ', text)
        self.assertGreaterEqual(len(command_names()), 2)
        self.assertEqual(run('help')[1], text)
        self.assertEqual(run('-h')[1], text)

    def test_help_of_every_command_shows_usage_options_and_an_example(self):
        for name in command_names():
            with self.subTest(command=name):
                code, text, errors = run(name, '--help')
                self.assertEqual((code, errors), (0, ''))
                self.assertTrue(text.startswith('Usage: weir %s' % name), text)
                self.assertRegex(text, r'\nExamples?:\n  weir %s\b' % name)
                self.assertIn('\n  --help ', text)
                self.assertEqual(run('help', name)[1], text)

    def test_help_fits_eighty_columns(self):
        for name in [None] + command_names():
            _, text, _ = run(*([name] if name else []), '--help')
            before_examples = re.split(r'\nExamples?:\n', text)[0]
            for line in before_examples.splitlines():
                self.assertLessEqual(len(line), 80, (name, line))

    def test_version(self):
        code, text, errors = run('--version')
        self.assertEqual((code, errors), (0, ''))
        self.assertRegex(text, r'^weir \d+\.\d+\.\d+\n$')

    def test_no_command_prints_help_on_stderr(self):
        code, text, errors = run()
        self.assertEqual((code, text), (2, ''))
        self.assertIn('Usage: weir COMMAND', errors)

    def expect_usage(self, arguments, message):
        code, text, errors = run(*arguments)
        self.assertEqual((code, text), (2, ''), arguments)
        self.assertEqual(errors.splitlines()[0], message)
        self.assertRegex(errors.splitlines()[1], r'^Try: weir( \w+)? --help$')
        self.assertEqual(len(errors.splitlines()), 2)

    def test_unknown_commands_suggest_the_nearest(self):
        self.expect_usage(['colect'], "weir: no command 'colect'; did you mean 'collect'?")
        self.expect_usage(['dmeo'], "weir: no command 'dmeo'; did you mean 'demo'?")
        self.expect_usage(['frobnicate'], "weir: no command 'frobnicate'")
        self.expect_usage(['help', 'colect'], "weir: no command 'colect'; did you mean 'collect'?")
        self.assertRegex(run('x' * 5000)[2], r"^weir: no command 'x{1000,1023}\nTry: weir --help\n$")  # cut
        self.expect_usage(['--tree'], 'weir: no option --tree; options of a command follow its name')

    def test_unknown_options_suggest_the_nearest(self):
        self.expect_usage(['collect', '--otuput', 'x'],
                          'weir collect: no option --otuput; did you mean --output?')
        self.expect_usage(['collect', '--otuput=x'],
                          'weir collect: no option --otuput; did you mean --output?')
        self.expect_usage(['replay', '--nope'], 'weir replay: no option --nope')  # half of --mode is not near
        self.expect_usage(['collect', '--xyzzy'], 'weir collect: no option --xyzzy')
        self.expect_usage(['collect', '-v'], 'weir collect: no option -v')

    def test_values_that_make_no_sense(self):
        self.expect_usage(['collect', '--output'], 'weir collect: --output needs a value: --output FILE')
        self.expect_usage(['collect', '--tree=yes'], 'weir collect: --tree takes no value')
        self.expect_usage(['collect', 'stray'], "weir collect: unexpected argument 'stray'")
        numbers = 'weir collect: --exit-after takes a number from 1 to 18446744073709551615, not %r'
        for number in ['0', '-1', '1.5', 'x', '', '18446744073709551616', ' 1', '0x10']:
            self.expect_usage(['collect', '--exit-after', number], numbers % number)
        for address in ['x', '127.0.0.1:', '127.0.0.1:65536', '::1:4318', '127.0.0.1:-1', ':', '[::1:80']:
            self.expect_usage(['collect', '--listen', address],
                              'weir collect: --listen takes ADDRESS:PORT, such as 127.0.0.1:4318 '
                              '(port 0: a free one), not %r' % address)
        self.expect_usage(['demo', '--mode', 'loud'],
                          'weir demo: --mode takes single_span, event, chunk_spans or '
                          "single_and_chunk_spans (or both), not 'loud'")
        self.expect_usage(['collect', '--tree', '--output', '-'],
                          'weir collect: --tree and --output - would both write to standard output')

    def test_messages_escape_control_characters(self):
        self.assertEqual(run('\x1b[31mred\u202e')[2].splitlines()[0],
                         "weir: no command '\\u{1b}[31mred\\u{202e}'")

    def test_a_full_disk_behind_stdout_is_an_error(self):
        with open('/dev/full', 'wb') as full:
            code, _, errors = run('--help', stdout=full)
            self.assertEqual(code, 1)
            self.assertEqual(errors, 'weir: cannot write to standard output: No space left on device\n')
            # nor does it stay unsaid where the command has failed anyhow
            code, _, errors = run('doctor', '--output', '/nonexistent/x', stdout=full)
            self.assertEqual((code, errors), (1, 'weir: cannot write to standard output: No space left on device\n'))

    def test_a_closed_standard_output_is_an_error_and_nobody_elses_number(self):
        for arguments in [('--help',), ('demo', '--output', '/dev/null'), ('collect', '--listen', '0')]:
            with self.subTest(arguments=arguments):
                done = subprocess.run([weir_program.WEIR, *arguments], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      timeout=weir_program.PATIENCE, env=weir_program.environment(),
                                      preexec_fn=lambda: os.close(1))
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr.decode(), r'^weir( \w+)?: cannot write to standard output: Bad file descriptor\n$')

    def test_a_reader_that_goes_away_is_an_error(self):
        process = subprocess.Popen([weir_program.WEIR, '--help'], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        process.stdout.close()
        errors = process.stderr.read().decode()
        process.stderr.close()
        # it may have written all before the pipe was closed
        self.assertIn((process.wait(), errors),
                      [(0, ''), (1, 'weir: cannot write to standard output: Broken pipe\n')])


if __name__ == '__main__':
    weir_program.main()
