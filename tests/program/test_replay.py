"""`weir replay`: what logs become, in their own times, and what is left out."""
import datetime
import json
import pathlib

import weir_program
from weir_program import Collector, TestCase, run

RECORDINGS = pathlib.Path(__file__).resolve().parent.parent / 'data' / 'burr-reference'
UTC = datetime.timezone.utc
FRAMES = 'Traceback (most recent call last):\n  File "main.py", line 1, in run\n'


def value_of(any_value):
    """A decoded AnyValue."""
    kind, value = next(iter(any_value.items()), (None, None))
    if kind == 'arrayValue':
        return [value_of(item) for item in value.get('values', [])]
    if kind == 'kvlistValue':
        return {item['key']: value_of(item['value']) for item in value.get('values', [])}
    return int(value) if kind == 'intValue' else value


def attributes_of(holder):
    return {item['key']: value_of(item['value']) for item in holder.get('attributes', [])}


class Span:
    def __init__(self, raw):
        self.raw = raw
        self.name, self.id, self.trace = raw['name'], raw['spanId'], raw['traceId']
        self.parent_id = raw.get('parentSpanId') or None
        self.start, self.end = int(raw['startTimeUnixNano']), int(raw['endTimeUnixNano'])
        self.status = {0: 'UNSET', 1: 'OK', 2: 'ERROR'}[raw.get('status', {}).get('code', 0)]
        self.description = raw.get('status', {}).get('message', '')
        self.attributes = attributes_of(raw)
        self.events = [(event['name'], int(event['timeUnixNano']), attributes_of(event))
                       for event in raw.get('events', [])]
        self.links = [(link['traceId'], link['spanId'], attributes_of(link)) for link in raw.get('links', [])]


def spans_in(path):
    text = path.read_text() if path.exists() else ''
    return [Span(span) for line in text.splitlines() for resource in json.loads(line)['resourceSpans']
            for scope in resource['scopeSpans'] for span in scope['spans']]


def ns(second):
    """2026-06-01T12:00:00Z and seconds since, in ns."""
    return (1780315200 + second) * 10**9


class Log:
    """Writes a log as Burr does; times are seconds since 2026-06-01T12:00:00Z."""

    def __init__(self, folder, offset_hours=0):
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / 'log.jsonl'
        self.offset_hours = offset_hours
        self.path.touch()

    def raw(self, text):
        with self.path.open('ab') as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return self

    def line(self, **members):
        return self.raw(json.dumps(members, separators=(',', ':'), ensure_ascii=False) + '\n')

    def local(self, second):
        at = datetime.datetime.fromtimestamp(1780315200 + second + self.offset_hours * 3600, UTC)
        return at.replace(tzinfo=None).isoformat()

    def utc(self, second):
        at = datetime.datetime.fromtimestamp(1780315200 + second, UTC)
        return at.replace(tzinfo=None).isoformat() + 'Z'

    def begin(self, second, action='ask', id=0):
        return self.line(type='begin_entry', start_time=self.local(second), action=action, inputs={}, sequence_id=id)

    def finish(self, second, action='ask', id=0, exception=None):
        return self.line(type='end_entry', end_time=self.local(second), action=action, result={}, exception=exception,
                         state={'big': 'x' * 100}, sequence_id=id)

    def span(self, second, uid, name='part', parent=None, id=0):
        return self.line(type='begin_span', start_time=self.local(second), action_sequence_id=id, span_id=uid,
                         span_name=name, parent_span_id=parent, span_dependencies=[])

    def span_end(self, second, uid, id=0):
        return self.line(type='end_span', end_time=self.local(second), action_sequence_id=id, span_id=uid)

    def attribute(self, second, key, value, uid=None, id=0):
        return self.line(type='attribute', key=key, action_sequence_id=id, span_id=uid, value=value, tags={},
                         time_logged=self.utc(second))

    def stream(self, second, id=0):
        return self.line(type='begin_stream', action_sequence_id=id, span_id=None, stream_init_time=self.utc(second))

    def stream_end(self, second, id=0, **times):
        return self.line(type='end_stream', action_sequence_id=id, span_id=None, end_time=self.utc(second), **times)

    def metadata(self, partition_key=None, parent=None, spawner=None):
        def pointer(to):
            return to and {'type': 'pointer_data', 'app_id': to[0], 'sequence_id': to[1], 'partition_key': None}
        (self.path.parent / 'metadata.json').write_text(json.dumps({
            'type': 'application_metadata', 'partition_key': partition_key, 'parent_pointer': pointer(parent),
            'spawning_parent_pointer': pointer(spawner)}))
        return self


class Replay(TestCase):
    def setUp(self):
        super().setUp()
        self.storage = self.directory / 'storage'
        self.project = self.storage / 'chat'

    def log(self, app='run-1', **options):
        return Log(self.project / app, **options)

    def replay(self, *arguments, path=None, expect=0, env=None):
        """Replays; returns the spans. What was said is in self.errors, the summary in self.summary."""
        output = self.directory / 'spans.jsonl'
        output.unlink(missing_ok=True)
        code, out, self.errors = run('replay', path or self.storage, '--output', output, '--json', *arguments,
                                     env={'TZ': 'UTC', **(env or {})})
        self.assertEqual(code, expect, self.errors)
        self.summary = json.loads(out) if out else None
        spans = spans_in(output)
        ids = {span.id for span in spans}
        self.assertEqual(len(ids), len(spans), 'ids repeat')
        for span in spans:
            self.assertGreaterEqual(span.end, span.start, span.name)
            self.assertIn(span.parent_id, ids | {None}, span.name)
        return spans

    def one(self, spans, name):
        found = [span for span in spans if span.name == name]
        self.assertEqual(len(found), 1, '%d spans are called %s' % (len(found), name))
        return found[0]


class Shape(Replay):
    def test_a_run_is_one_trace(self):
        (self.log().metadata(partition_key='user-é').begin(0).span(1, '0:0', 'outer').span(2, '0:0.0', 'inner', '0:0')
         .attribute(3, 'tokens', 17, '0:0.0').span_end(4, '0:0.0').span_end(5, '0:0').attribute(5, 'cost', 0.25).finish(6)
         .begin(7, 'answer', 1).finish(9, 'answer', 1))
        spans = self.replay()
        root, ask, answer = (self.one(spans, name) for name in ('chat', 'ask', 'answer'))
        outer, inner = self.one(spans, 'outer'), self.one(spans, 'inner')
        self.assertEqual({span.trace for span in spans}, {root.trace})
        self.assertEqual([span.parent_id for span in (root, ask, answer, outer, inner)],
                         [None, root.id, root.id, ask.id, outer.id])
        self.assertEqual([(span.start, span.end) for span in (root, ask, answer, outer, inner)],
                         [(ns(a), ns(b)) for a, b in ((0, 9), (0, 6), (7, 9), (1, 5), (2, 4))])
        identity = {'burr.project': 'chat', 'burr.app_id': 'run-1', 'burr.partition_key': 'user-é'}
        self.assertEqual(root.attributes, identity)
        self.assertEqual(ask.attributes, {**identity, 'burr.sequence_id': 0, 'cost': 0.25})
        self.assertEqual(list(ask.attributes)[:4], [*identity, 'burr.sequence_id'])
        self.assertEqual(inner.attributes, {'tokens': 17})
        self.assertEqual({span.status for span in spans}, {'OK'})
        self.assertEqual((self.summary['runs'], self.summary['steps'], self.summary['spans']), (1, 2, 2))

    def test_replaying_again_repeats_ids_and_a_run_that_went_on_keeps_them(self):
        log = self.log().begin(0).span(1, '0:0').span_end(2, '0:0').finish(3)
        first = {span.id: span.name for span in self.replay()}
        self.assertEqual(first, {span.id: span.name for span in self.replay()})
        log.begin(9, 'more', 1).finish(10, 'more', 1)
        later = {span.id: span.name for span in self.replay('--utc-offset', '-7')}
        self.assertEqual({id: later[id] for id in first}, first)
        self.assertEqual(len(later), len(first) + 1)
        other = {span.id for span in self.replay(path=Log(self.project / 'run-2').begin(0).finish(3).path)}
        self.assertFalse(other & set(first))

    def test_paths_of_every_kind(self):
        self.log('a').begin(0).finish(1)
        self.log('b').begin(0).finish(1)
        Log(self.storage / 'other' / 'c').begin(0).finish(1)
        for path, n_runs in ((self.storage, 3), (self.project, 2), (self.project / 'a', 1),
                             (self.project / 'a' / 'log.jsonl', 1)):
            self.replay(path=path)
            self.assertEqual(self.summary['runs'], n_runs, path)
        self.replay(self.project / 'a', self.project / 'a' / 'log.jsonl', path=self.project)
        self.assertEqual(self.summary['runs'], 2, 'a run that is named twice is replayed once')
        code, out, _ = run('replay', '--dry-run', env={'WEIR_TRACKER_DIR': str(self.storage)})
        self.assertEqual((code, out.split(' (')[0]), (0, 'read 3 runs'))
        code, out, _ = run('replay', 'chat/a', '--tracker-dir', self.storage, '--dry-run')
        self.assertEqual((code, out.split(' (')[0]), (0, 'read 1 run'))

    def test_a_log_of_another_name(self):
        self.log().begin(0).finish(1).path.rename(self.project / 'run-1' / 'kept.jsonl')
        spans = self.replay(path=self.project / 'run-1' / 'kept.jsonl')
        self.assertEqual({s.attributes.get('burr.app_id') for s in spans}, {'run-1'})

    def test_links_are_not_followed(self):
        Log(self.directory / 'outside' / 'p' / 'secret').begin(0).finish(1)
        self.log().begin(0).finish(1)
        (self.project / 'link').symlink_to(self.directory / 'outside' / 'p' / 'secret')
        self.replay()
        self.assertEqual(self.summary['runs'], 1)

    def test_paths_that_are_none(self):
        (self.directory / 'empty').mkdir()
        for path, word in (('no/such/path', 'no/such/path'), (self.directory / 'empty', 'holds no runs')):
            code, out, errors = run('replay', path, '--dry-run')
            self.assertEqual((code, out), (1, ''))
            self.assertIn(word, errors)
            self.assertEqual(errors.count('\n'), 1)

    def test_repeated_sequence_ids_are_all_there(self):
        (self.log().begin(0).attribute(1, 'try', 1).begin(5).attribute(6, 'try', 2).finish(7).begin(8).attribute(8, 'try', 3)
         .finish(9))
        spans = [span for span in self.replay() if span.name == 'ask']
        self.assertEqual(sorted((span.attributes['try'], span.start, span.end, span.status) for span in spans),
                         [(1, ns(0), ns(1), 'ERROR'), (2, ns(5), ns(7), 'OK'), (3, ns(8), ns(9), 'OK')])

    def test_what_follows_an_end_entry_belongs_to_its_step(self):
        (self.log().begin(0).span(1, '0:0').finish(2).span_end(3, '0:0').attribute(3, 'late', True, '0:0')
         .attribute(3, 'later', 'x').begin(9, id=1).finish(10, id=1))
        spans = self.replay()
        part = self.one(spans, 'part')
        self.assertEqual((part.end, part.attributes), (ns(3), {'late': True}))
        self.assertEqual(next(s for s in spans if s.start == ns(0) and s.name == 'ask').attributes['later'], 'x')


class Origins(Replay):
    def test_a_fork_is_a_link(self):
        self.log('parent').begin(0).finish(1).begin(2, 'say', 1).finish(3, 'say', 1)
        self.log('fork').metadata(parent=('parent', 0)).begin(10, 'say', 1).finish(11, 'say', 1)
        spans = self.replay()
        ask = self.one(spans, 'ask')
        root = next(s for s in spans if s.attributes.get('burr.app_id') == 'fork' and s.parent_id is None)
        self.assertNotEqual(root.trace, ask.trace)
        self.assertEqual(root.links, [(ask.trace, ask.id, {'weir.link': 'fork'})])
        self.assertEqual(root.attributes['burr.parent.app_id'], 'parent')
        self.assertEqual(root.attributes['burr.parent.sequence_id'], 0)
        alone = self.replay(path=self.project / 'fork')
        self.assertEqual(self.one(alone, 'chat').links, root.links, 'the link does not depend on what else is replayed')

    def test_a_fork_of_the_latest_step(self):
        self.log('parent').begin(0).finish(1).begin(2, 'say', 1).finish(3, 'say', 1).begin(50, 'late', 2).finish(51, 'late', 2)
        self.log('fork').metadata(parent=('parent', None)).begin(10).finish(11)
        spans = self.replay()
        root = next(s for s in spans if s.attributes.get('burr.app_id') == 'fork' and s.parent_id is None)
        self.assertEqual(root.links[0][1], self.one(spans, 'say').id)

    def test_a_spawned_child_is_in_its_parents_trace_when_both_are_replayed(self):
        self.log('parent').begin(0, 'map').finish(5, 'map')
        self.log('child').metadata(spawner=('parent', 0)).begin(1, 'work').finish(2, 'work')
        self.log('grandchild').metadata(spawner=('child', 0)).begin(1, 'dig').finish(2, 'dig')
        spans = self.replay()
        self.assertEqual(len({span.trace for span in spans}), 1)
        steps = {name: self.one(spans, name) for name in ('map', 'work', 'dig')}
        roots = {s.attributes['burr.app_id']: s for s in spans if s.name == 'chat'}
        self.assertEqual(roots['child'].parent_id, steps['map'].id)
        self.assertEqual(roots['grandchild'].parent_id, steps['work'].id)
        alone = self.replay(path=self.project / 'child')
        self.assertIsNone(self.one(alone, 'chat').parent_id)
        self.assertEqual(self.one(alone, 'chat').links,
                         [(steps['map'].trace, steps['map'].id, {'weir.link': 'spawn'})])
        self.assertNotEqual(self.one(alone, 'chat').trace, steps['map'].trace)

    def test_pointers_that_lead_nowhere_or_in_a_circle(self):
        self.log('a').metadata(spawner=('b', 0)).begin(0).finish(1)
        self.log('b').metadata(spawner=('a', 0)).begin(0).finish(1)
        self.log('c').metadata(parent=('gone', 3), spawner=('../../etc', 0)).begin(0).finish(1)
        self.log('d').metadata(parent=('d', None)).begin(0).finish(1)
        spans = self.replay()
        self.assertEqual(len([s for s in spans if s.parent_id is None]), 4)
        self.assertEqual(self.summary['runs'], 4)


    def test_a_pointer_to_a_step_that_cannot_be_made(self):
        broken = self.log('parent').begin(0).finish(1)
        broken.line(type='begin_entry', start_time=broken.local(2), action=None, inputs={}, sequence_id=1)
        self.log('child').metadata(spawner=('parent', 1)).begin(3, 'work').finish(4, 'work')
        spans = self.replay()
        root = next(s for s in spans if s.attributes.get('burr.app_id') == 'child' and s.name == 'chat')
        self.assertIsNone(root.parent_id)
        self.assertEqual(root.links[0][1], next(s for s in spans if s.name == 'chat' and s is not root).id,
                         'without the step, the link leads to the run')


class Times(Replay):
    def test_the_offset_of_a_log_comes_from_its_own_stamps(self):
        for hours in (-7, 5.75, 13, 0):
            log = Log(self.directory / ('zone%s' % hours) / 'p' / 'a', offset_hours=hours)
            log.begin(0).attribute(1, 'k', 1).finish(2)
            spans = self.replay(path=log.path.parent)
            self.assertEqual((self.one(spans, 'ask').start, self.one(spans, 'ask').end), (ns(0), ns(2)), hours)
            self.assertEqual(self.summary['runs_in_guessed_zone'], 0)

    def test_daylight_saving_ends_inside_a_log(self):
        log = self.log(offset_hours=-7).begin(0).attribute(1, 'k', 1).finish(5)
        log.offset_hours = -8
        log.begin(20, id=1).attribute(21, 'k', 1, id=1).finish(22, id=1)
        self.assertEqual(sorted((s.start, s.end) for s in self.replay() if s.name == 'ask'),
                         [(ns(0), ns(5)), (ns(20), ns(22))])

    def test_a_log_without_stamps_goes_by_the_projects_others(self):
        self.log('told', offset_hours=-7).begin(0).attribute(1, 'k', 1).finish(2)
        silent = self.log('silent', offset_hours=-7).begin(100).finish(101)
        for path in (self.storage, silent.path.parent):
            spans = [s for s in self.replay('--utc-offset', '+3', path=path) if s.attributes.get('burr.app_id') == 'silent']
            self.assertEqual({s.start for s in spans}, {ns(100)})

    def test_then_by_the_options_then_by_this_machines_zone(self):
        self.log(offset_hours=-7).begin(0).finish(1)
        self.assertEqual(self.one(self.replay('--utc-offset', '-07:00'), 'ask').start, ns(0))
        self.assertEqual(self.errors, '')
        self.assertEqual(self.one(self.replay('--zone', 'PST8PDT,M3.2.0,M11.1.0'), 'ask').start, ns(0))
        self.assertEqual(self.errors, '')
        spans = self.replay(env={'TZ': 'PST8PDT,M3.2.0,M11.1.0'})
        self.assertEqual(self.one(spans, 'ask').start, ns(0))
        self.assertIn('1 run does not tell its zone', self.errors)
        self.assertEqual(self.errors.count('\n'), 1)

    def test_zones_that_are_none(self):
        self.log().begin(0).finish(1)
        for arguments, word in ((('--zone', 'Moon/Base'), 'Moon/Base'), (('--utc-offset', 'noon'), '+05:30'),
                                (('--zone', 'UTC', '--utc-offset', '+1'), 'twice'), (('--utc-offset', '7'), '+05:30')):
            code, _, errors = run('replay', self.storage, '--dry-run', *arguments)
            self.assertEqual(code, 2)
            self.assertIn(word, errors)

    def test_fractions_and_whole_seconds(self):
        log = self.log()
        log.line(type='begin_entry', start_time='2026-06-01T12:00:00', action='ask', inputs={}, sequence_id=0)
        log.line(type='end_entry', end_time='2026-06-01T12:00:00.000001', action='ask', result=None, exception=None, state={},
                 sequence_id=0)
        ask = self.one(self.replay(), 'ask')
        self.assertEqual((ask.start, ask.end), (ns(0), ns(0) + 1000))


class Unfinished(Replay):
    def test_unknown_parents(self):
        (self.log().begin(0).span(1, '0:0.3', 'kept', '0:0').attribute(2, 'lost owner', 'x', '0:0').span_end(3, '0:0.3')
         .span_end(4, '0:0').finish(5))
        spans = self.replay()
        self.assertEqual(self.one(spans, 'kept').parent_id, self.one(spans, 'ask').id)
        self.assertEqual(self.one(spans, 'ask').attributes['lost owner'], 'x')
        self.assertEqual((self.summary['unknown_parents'], self.summary['span_ends_without_begin']), (1, 1))

    def test_begin_without_end(self):
        (self.log().begin(0).span(1, '0:0', 'open').finish(4).begin(5, 'cut', 1).span(6, '1:0', 'cut part', id=1)
         .attribute(8, 'k', 'v', id=1))
        spans = self.replay()
        span = self.one(spans, 'open')
        self.assertEqual((span.end, span.status, span.attributes), (ns(4), 'UNSET', {'weir.unfinished': True}))
        cut = self.one(spans, 'cut')
        self.assertEqual((cut.end, cut.status, cut.description), (ns(8), 'ERROR', 'no end recorded'))
        self.assertEqual(self.one(spans, 'cut part').end, ns(8))
        self.assertEqual((self.one(spans, 'chat').end, self.one(spans, 'chat').status), (ns(8), 'UNSET'))
        self.assertEqual((self.summary['unfinished_steps'], self.summary['unfinished_spans']), (1, 2))

    def test_children_may_outlive_their_parent(self):
        self.log().begin(0).span(1, '0:0').finish(2).span_end(7, '0:0')
        spans = self.replay()
        self.assertEqual((self.one(spans, 'part').end, self.one(spans, 'ask').end), (ns(7), ns(2)))

    def test_an_end_without_begin_is_left_out(self):
        self.log().finish(0, 'early').begin(1, id=1).finish(2, id=1).attribute(3, 'k', 1, id=77)
        spans = self.replay()
        self.assertEqual(sorted(s.name for s in spans), ['ask', 'chat'])
        self.assertEqual((self.summary['ends_without_begin'], self.summary['records_without_step']), (1, 1))

    def test_a_run_without_a_beginning_is_left_out(self):
        self.log('only-an-end').finish(0)
        self.log('nothing')
        self.log('something').begin(0).finish(1)
        self.replay()
        self.assertEqual((self.summary['runs'], self.summary['runs_without_steps']), (1, 2))


class Broken(Replay):
    def test_broken_lines_are_named_and_do_not_stop_it(self):
        log = self.log().begin(0).raw('not json\n').raw('\n').raw('{"type":"begin_entry"}\n').raw(b'\xff\xfe\n')
        log.line(type='begin_span', start_time='noon', action_sequence_id=0, span_id='0:0', span_name='x')
        log.line(type='suspend_entry', suspend_time=log.local(1), action='ask', sequence_id=0)
        log.line(something='else').raw('[1,2]\n').finish(3)
        spans = self.replay()
        self.assertEqual(sorted(s.name for s in spans), ['ask', 'chat'])
        named = [line.split(': ')[1] for line in self.errors.splitlines() if 'log.jsonl:' in line]
        for number in (2, 4, 5, 6):
            self.assertIn('%s:%d' % (log.path, number), named)
        self.assertEqual(self.summary['broken_lines'], len(named))
        self.assertGreaterEqual(self.summary['other_records'], 1)

    def test_a_torn_last_line_is_left_out(self):
        log = self.log().begin(0).finish(1).begin(2, id=1)
        whole = log.path.read_bytes()
        first_two = whole[:whole.rindex(b'\n', 0, -1) + 1]
        for cut in range(len(first_two) + 1, len(whole), 7):
            log.path.write_bytes(whole[:cut])
            spans = self.replay()
            self.assertEqual(sorted(s.name for s in spans), ['ask', 'chat'])
            self.assertEqual((self.summary['torn_logs'], self.summary['broken_lines']), (1, 0))

    def test_odd_metadata_is_no_metadata(self):
        for text in ('', 'null', '[]', '{"partition_key":7,"parent_pointer":[1],"spawning_parent_pointer":{"app_id":3}}',
                     '{"parent_pointer":{"app_id":"run-1","sequence_id":1e99}}'):
            self.log().path.write_bytes(b'')
            log = self.log().begin(0).finish(1)
            (log.path.parent / 'metadata.json').write_text(text)
            self.assertEqual(len(self.replay()), 2, text)

    def test_a_folder_named_as_a_log_is_none(self):
        self.log('good').begin(0).finish(1)
        (self.project / 'bad' / 'log.jsonl').mkdir(parents=True)
        self.replay()
        self.assertEqual(self.summary['runs'], 1)


class Errors(Replay):
    def test_type_and_text_of_a_traceback(self):
        text = FRAMES + 'openai.AuthenticationError: Error code: 401 - no\n'
        self.log().begin(0).finish(2, exception=text)
        spans = self.replay()
        ask = self.one(spans, 'ask')
        self.assertEqual((ask.status, ask.description), ('ERROR', 'Error code: 401 - no'))
        self.assertEqual(ask.events, [('exception', ns(2), {
            'exception.type': 'openai.AuthenticationError', 'exception.message': 'Error code: 401 - no',
            'exception.stacktrace': text})])
        self.assertEqual((self.one(spans, 'chat').status, self.one(spans, 'chat').description),
                         ('ERROR', 'Error code: 401 - no'))

    def test_abandoned(self):
        self.log().begin(0).stream(0).finish(2, exception=FRAMES + 'GeneratorExit\n').stream_end(2, items_streamed=1)
        self.assertEqual(self.one(self.replay(), 'ask').description, 'abandoned')
        root = self.one(self.replay('--mode', 'event'), 'chat')
        self.assertEqual(root.events[0][0], 'stream_error')
        self.assertEqual(root.events[0][2]['stream.error'], 'abandoned')

    def test_a_run_that_recovered_went_well(self):
        self.log().begin(0).finish(1, exception='ValueError: x\n').begin(2, id=1).finish(3, id=1)
        self.assertEqual(self.one(self.replay(), 'chat').status, 'OK')


class Streams(Replay):
    TIMES = {'items_streamed': 3, 'generation_time_ms': 42.0, 'consumer_time_ms': 9.5, 'first_item_time_ms': 20.0}
    VALUES = {'stream.generation_time_ms': 42.0, 'stream.consumer_time_ms': 9.5, 'stream.items_streamed': 3,
              'stream.first_item_time_ms': 20.0}

    def test_values_on_the_action_span(self):
        self.log().begin(0).stream(0).finish(3).stream_end(3, **self.TIMES)
        for mode in ('single_span', 'chunk_spans', 'both'):
            ask = self.one(self.replay('--mode', mode), 'ask')
            self.assertEqual({k: v for k, v in ask.attributes.items() if k.startswith('stream.')}, self.VALUES)
            self.assertEqual('single pulls' in self.errors, mode != 'single_span')

    def test_values_on_an_event_of_the_run(self):
        self.log().begin(0).stream(0).finish(3).stream_end(3, **self.TIMES).begin(4, id=1).stream(4, id=1)
        Log(self.project / 'run-1').finish(5, id=1, exception='ValueError: broke\n').stream_end(5, id=1, items_streamed=0)
        spans = self.replay('--mode', 'event')
        root = self.one(spans, 'chat')
        self.assertEqual(root.events, [
            ('stream_completed', ns(3), {**self.VALUES, 'burr.sequence_id': 0}),
            ('stream_error', ns(5), {'stream.items_streamed': 0, 'stream.error': 'broke', 'burr.sequence_id': 1})])
        for span in spans:
            self.assertFalse([k for k in span.attributes if k.startswith('stream.')])

    def test_logs_of_released_burr_have_no_times(self):
        self.log().begin(0).stream(0).finish(3).stream_end(3, items_streamed=2)
        ask = self.one(self.replay(), 'ask')
        self.assertEqual({k: v for k, v in ask.attributes.items() if k.startswith('stream.')}, {'stream.items_streamed': 2})


class Sending(Replay):
    def test_over_http_nothing_is_dropped_however_much_there_is(self):
        log = self.log()
        filler = 'x' * 2000
        for step in range(60):
            log.begin(step, id=step)
            for n in range(60):
                log.span(step, '%d:%d' % (step, n), id=step).attribute(step, 'text', filler, '%d:%d' % (step, n), id=step)
                log.span_end(step, '%d:%d' % (step, n), id=step)
            log.finish(step, id=step)
        n_spans = 1 + 60 + 60 * 60
        path = self.directory / 'collected.jsonl'
        with Collector('--output', path, '--exit-after', n_spans) as collector:
            code, out, errors = run('replay', self.storage, '--endpoint', collector.url, '--json',
                                    env={'OTEL_BSP_MAX_QUEUE_SIZE': '10', 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE': '10'})
            self.assertEqual((code, errors), (0, ''))
            collector.wait()
        self.assertEqual(json.loads(out)['spans_acknowledged'], n_spans)
        self.assertEqual(len(spans_in(path)), n_spans)

    def test_a_step_with_very_many_spans(self):
        log = self.log().begin(0)
        log.raw(''.join('{"type":"begin_span","start_time":"%s","action_sequence_id":0,"span_id":"0:%d","span_name":"s",'
                        '"parent_span_id":null,"span_dependencies":[]}\n'
                        '{"type":"end_span","end_time":"%s","action_sequence_id":0,"span_id":"0:%d"}\n'
                        % (log.local(1), n, log.local(2), n) for n in range(20000)))
        log.finish(3)
        code, out, errors = run('replay', self.storage, '--dry-run', '--json')
        self.assertEqual((code, json.loads(out)['spans'], json.loads(out)['spans_dropped']), (0, 20000, 0), errors)

    def test_more_attributes_than_a_live_span_would_take(self):
        log = self.log().begin(0)
        for n in range(500):
            log.attribute(1, 'key.%d' % n, n)
        log.finish(2)
        self.assertEqual(len(self.one(self.replay(), 'ask').attributes), 500 + 3)

    def test_a_receiver_that_is_not_there(self):
        self.log().begin(0).finish(1)
        code, _, errors = run('replay', self.storage, '--endpoint', 'http://127.0.0.1:9',
                              env={'OTEL_EXPORTER_OTLP_TIMEOUT': '300'})
        self.assertEqual(code, 1)
        self.assertIn('2 of 2 spans did not reach http://127.0.0.1:9', errors)

    def test_an_environment_that_forbids_it(self):
        self.log().begin(0).finish(1)
        code, _, errors = run('replay', self.storage, env={'OTEL_TRACES_EXPORTER': 'none', 'TZ': 'UTC'})
        self.assertEqual(code, 1)
        self.assertIn('nothing was sent, because OTEL_TRACES_EXPORTER is none; unset it', errors)
        code, out, errors = run('replay', self.storage, env={'OTEL_SDK_DISABLED': 'true', 'TZ': 'UTC'})
        self.assertEqual(code, 1)
        self.assertIn('no spans: OTEL_SDK_DISABLED is true', out)
        self.assertIn('nothing was sent, because OTEL_SDK_DISABLED is true; unset it', errors)
        code, _, errors = run('replay', self.storage, '--output', self.directory / 'x', env={'OTEL_TRACES_SAMPLER': 'always_off', 'TZ': 'UTC'})
        self.assertEqual(code, 1)
        self.assertIn('2 of 2 spans were not sent, because OTEL_TRACES_SAMPLER leaves them out; unset it', errors)

    def test_what_an_earlier_run_left_is_counted_too(self):
        self.log().begin(0).finish(1)
        env = {'WEIR_SPOOL_DIR': str(self.directory / 'spool'), 'TZ': 'UTC', 'OTEL_EXPORTER_OTLP_TIMEOUT': '100'}
        code, out, _ = run('replay', self.storage, '--endpoint', 'http://127.0.0.1:9', env=env)
        self.assertEqual((code, out[:11]), (0, 'read 1 run '))
        with Collector('--output', '/dev/null') as collector:
            code, out, _ = run('replay', self.storage, '--endpoint', collector.url, env=env)
        self.assertEqual(code, 0)
        self.assertIn('replayed 1 run (1 step, 0 spans in them): 4 spans to ', out)
        self.assertIn('(2 left in the spool by an earlier run)', out)

    def test_a_file_that_is_no_log_is_told(self):
        path = self.directory / 'other'
        path.write_text('no log\n')
        code, out, errors = run('replay', '--endpoint', 'http://127.0.0.1:9', path)
        self.assertEqual(code, 1)
        self.assertIn('read 0 runs (0 steps, 0 spans in them); nothing was sent\n', out)
        self.assertNotIn('http:', out)
        self.assertIn('%s:1: ' % path, errors)
        self.assertIn('weir replay: no log holds a step: are these Burr\'s logs? ', errors)

    def test_settings_that_cannot_be_used_are_said_once(self):
        self.log().begin(0).finish(1)
        _, _, errors = run('replay', self.storage, '--output', self.directory / 'x',
                           env={'OTEL_TRACES_SAMPLER': 'allways_on', 'TZ': 'UTC'})
        self.assertEqual(errors.count('weir replay: OTEL_TRACES_SAMPLER=allways_on is none of '), 1, errors)

    def test_spans_on_standard_output_have_it_for_themselves(self):
        self.log().begin(0).finish(1)
        code, out, errors = run('replay', self.storage, env={'OTEL_TRACES_EXPORTER': 'otlp/stdout', 'TZ': 'UTC'})
        self.assertEqual(code, 0)
        for line in out.splitlines():
            self.assertIn('resourceSpans', json.loads(line))
        self.assertIn('replayed 1 run (1 step, 0 spans in them): 2 spans to standard output\n', errors)
        code, out, errors = run('replay', self.storage, '--json', env={'OTEL_TRACES_EXPORTER': 'console', 'TZ': 'UTC'})
        self.assertEqual((code, out), (2, ''))
        self.assertIn('--json and the spans would both go to standard output', errors)

    def test_protocol_and_compression(self):
        self.log().begin(0).finish(1)
        for arguments in [('--protocol', 'http/json'), ('--protocol', 'http/protobuf', '--compression', 'gzip')]:
            with Collector('--output', '/dev/null') as collector:
                code, _, errors = run('replay', self.storage, '--utc-offset', 'UTC', '--endpoint', collector.url, *arguments)
                self.assertEqual((code, errors), (0, ''))
                self.assertIn('2 spans', collector.end()[2])

    def test_the_service_is_the_project_unless_said_otherwise(self):
        def service(*arguments, **options):
            self.replay(*arguments, **options)
            line = json.loads((self.directory / 'spans.jsonl').read_text().splitlines()[0])
            return attributes_of(line['resourceSpans'][0]['resource'])['service.name']
        self.log().begin(0).finish(1)
        self.assertEqual(service(), 'chat')
        self.assertEqual(service('--service-name', 'mine'), 'mine')
        self.assertEqual(service(env={'OTEL_SERVICE_NAME': 'theirs'}), 'theirs')
        Log(self.storage / 'other' / 'a').begin(0).finish(1)
        self.assertEqual(service(), 'burr')

    def test_spans_or_summary_on_standard_output_not_both(self):
        self.log().begin(0).finish(1)
        code, out, errors = run('replay', self.storage, '--output', '-')
        self.assertEqual(code, 0)
        self.assertEqual([len(json.loads(line)['resourceSpans']) for line in out.splitlines()], [1])
        self.assertIn('replayed 1 run (', errors)
        self.assertEqual(run('replay', self.storage, '--output', '-', '--json')[0], 2)


class Reference(Replay):
    """Where a run was recorded with spans and log, the log becomes the same action and user spans."""

    def expected(self, recording):
        """The reference's action and user spans, as far as a log can know them."""
        spans = recording['spans']['single_span']
        methods = {hook['method'] for hook in recording['hooks'] if 'method' in hook}
        steps = {(hook['action'], hook['t_ns']) for hook in recording['hooks'] if hook['hook'] == 'pre_run_step'}
        streamed = {hook['action'] for hook in recording['hooks'] if hook['hook'] == 'pre_start_stream'}
        for span in spans:
            is_step = (span['name'], span['start_ns']) in steps
            if not is_step and span['name'] in methods:
                continue
            attributes = {key: value for key, value in span['attributes'].items() if key != 'stream.iteration_count'}
            if is_step and (span['name'] not in streamed):
                attributes = {k: v for k, v in attributes.items() if not k.startswith('stream.')}
            if span['attributes'].get('stream.iteration_count') == 0:
                attributes.pop('stream.first_item_time_ms', None)
            if isinstance(attributes.get('rest'), list):
                attributes['rest'] = '(7,)'  # a tuple, which the log has as text
            yield {'name': span['name'], 'start': span['start_ns'] // 1000, 'end': span['end_ns'] // 1000,
                   'status': span['status'], 'description': span['status_description'] or '', 'is_step': is_step,
                   'attributes': {k: str(v) if isinstance(v, int) and abs(v) >= 2**63 else v for k, v in attributes.items()},
                   'parent': None if is_step else spans[span['parent']]['name']}

    def observed(self, spans):
        names = {span.id: span.name for span in spans}
        for span in spans:
            if span.name == 'scenario':
                continue
            attributes = {key: value for key, value in span.attributes.items()
                          if not key.startswith('burr.') and key != 'stream.items_streamed'}
            is_step = 'burr.sequence_id' in span.attributes
            yield {'name': span.name, 'start': span.start // 1000, 'end': span.end // 1000, 'status': span.status,
                   'description': '' if span.description == 'abandoned' else span.description, 'is_step': is_step,
                   'attributes': attributes, 'parent': None if is_step else names[span.parent_id]}

    def test_every_recording(self):
        recordings = sorted(RECORDINGS.glob('*.json'))
        self.assertGreater(len(recordings), 30)
        for path in recordings:
            with self.subTest(path.stem):
                recording = json.loads(path.read_text())
                storage = self.directory / path.stem
                for app, files in recording['files'].items():
                    (storage / 'scenario' / app).mkdir(parents=True)
                    for name, text in files.items():
                        (storage / 'scenario' / app / name).write_text(text)
                spans = self.replay(path=storage)

                def order(span):
                    return span['start'], span['end'], span['name'], json.dumps(span['attributes'], sort_keys=True)
                self.assertEqual(sorted(self.observed(spans), key=order), sorted(self.expected(recording), key=order))
                self.assertEqual(len([s for s in spans if s.name == 'scenario']), len(recording['files']))


if __name__ == '__main__':
    weir_program.main()
