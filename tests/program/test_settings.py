"""The tables of settings in the documents against the program: each variable is read as its row says, and each
variable that the sources read has a row."""
import json
import re

import weir_program
from weir_program import TestCase, run

ROOT = weir_program.VECTORS.parents[2]
DOCUMENTS = ['otlp/README.md', 'bridge/README.md']
SOURCES = ['otlp', 'tracking', 'bridge']
# Knows the names without reading the variables.
NAMES = 'examine_variables.c'
# A variable that counts only together with another one.
TOGETHER = {
    'OTEL_TRACES_SAMPLER_ARG': {'OTEL_TRACES_SAMPLER': 'traceidratio'},
    'OTEL_EXPORTER_OTLP_INSECURE': {'OTEL_EXPORTER_OTLP_PROTOCOL': 'grpc'},
    'OTEL_EXPORTER_OTLP_TRACES_INSECURE': {'OTEL_EXPORTER_OTLP_PROTOCOL': 'grpc'},
}

# An option that makes several lines, and how they begin.
MANY = {'headers': 'header ', 'resource': 'resource '}


def rows():
    """(variable, option, example) of every row of a table that begins with "| variable |"."""
    for name in DOCUMENTS:
        is_inside = False
        for line in (ROOT / name).read_text().splitlines():
            is_inside = line.startswith('| variable |') or (is_inside and line.startswith('|'))
            cells = [cell.strip() for cell in line.split('|')[1:-1]]
            if is_inside and cells[0].startswith('`'):
                example, = re.findall(r'`(.+)`', cells[2])
                for variable in re.findall(r'`(\w+)`', cells[0]):
                    yield variable, cells[1].strip('`'), example


def read_by_the_sources():
    found = set()
    for folder in SOURCES:
        for path in (ROOT / folder).rglob('*.c'):
            if path.name == NAMES:
                continue
            found.update(re.findall(r'"((?:OTEL|WEIR)_[A-Z0-9_]+)"', path.read_text()))
    return found


class Settings(TestCase):
    def doctor(self, **env):
        code, out, errors = run('doctor', '--json', '--timeout', '1000', env=env, cwd=self.directory)
        self.assertEqual(errors, '')
        self.assertIn(code, (0, 1))  # nobody listens at the default endpoint, as a rule
        said = json.loads(out)
        return said['settings'], [test['text'] for test in said['tests'] if test['outcome'] == 'note']

    def test_each_row_is_read_and_takes_its_example(self):  # (D1)
        for variable, option, example in rows():
            with self.subTest(variable=variable):
                settings, notes = self.doctor(**{variable: example}, **TOGETHER.get(variable, {}))
                told = [line for line in settings if line['origin'] == variable]
                if option == '':
                    self.assertEqual(told, [])
                    self.assertEqual(len([note for note in notes if variable in note]), 1, notes)
                    continue
                self.assertNotEqual(told, [], settings)
                for line in told:
                    self.assertEqual(line['source'], 'environment')
                    self.assertTrue(line['name'] == option or option in MANY and line['name'].startswith(MANY[option]), line)
                self.assertEqual([note for note in notes if variable in note and 'leaves out every span' not in note], [])

    def test_an_empty_value_is_unset(self):  # (D2)
        names = {variable: '' for variable, _, _ in rows()}
        settings, notes = self.doctor(**names)
        self.assertEqual([line for line in settings if line['origin'] in names], [])
        self.assertEqual([note for note in notes if any(name in note for name in names)], [])

    def test_the_sources_read_what_the_rows_name(self):
        names = [variable for variable, _, _ in rows()]
        documented = set(names)
        self.assertEqual(len(names), len(documented), 'a variable has two rows')
        self.assertGreater(len(documented), 20)
        read = read_by_the_sources()
        self.assertEqual(sorted(read - documented), [], 'read, but in no table')
        known = (ROOT / 'bridge' / 'cli' / NAMES).read_text().split('own[] = {')[1].split('};')[0]
        self.assertEqual(sorted(re.findall('"(.+)"', known)), sorted(name for name in documented if name.isupper()))
        self.assertEqual(sorted(name for name in documented - read if name.isupper()), [], 'in a table, but not read')


if __name__ == '__main__':
    weir_program.main()
