"""The client of a streaming endpoint: tokens, times and errors, whatever the server does."""
import example_programs
from example_programs import TestCase, attributes_of, outline
from openai_server import N_BEFORE_THE_END, TOKENS, Server

ANSWER = ''.join(TOKENS) + '\n'


class OpenaiClient(TestCase):
    def setUp(self):
        super().setUp()
        self.server = Server()
        self.enterContext(self.server)

    def enterContext(self, context):  # of unittest itself from Python 3.11 on
        result = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return result

    def ask(self, scene, expect=0, **options):
        return self.collect('openai_client', 'small', 'What is a weir?', expect=expect,
                            OPENAI_BASE_URL=self.server.url(scene), **options)

    def expect_error(self, scene, kind, text, n_tokens):
        """The answer breaks off after some tokens: the spans say why and how far it got."""
        spans, out, errors = self.ask(scene, expect=1)
        self.assertEqual(out, ''.join(TOKENS[:n_tokens]))
        self.assertEqual(errors.strip(), f'{kind}: {text}')
        self.assertEqual(outline(spans), f'stream_result ERROR {text}\n  chat ERROR {text}')
        attributes = attributes_of(spans[0])
        self.assertEqual(attributes['error.type'], kind)
        self.assertEqual(attributes['stream.iteration_count'], n_tokens)
        self.assertEqual('stream.first_item_time_ms' in attributes, n_tokens > 0)

    # ---- what a good answer becomes ----

    def test_the_attributes_of_a_model_call(self):
        spans, out, errors = self.ask('plain', OPENAI_API_KEY='sk-secret')
        self.assertEqual((out, errors), (ANSWER, ''))
        self.assertEqual(outline(spans), 'stream_result\n  chat')
        attributes = attributes_of(next(span for span in spans if span['name'] == 'chat'))
        self.assertEqual({key: value for key, value in attributes.items() if key.startswith('gen_ai.')}, {
            'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'small',
            'gen_ai.request.stream': True, 'gen_ai.response.model': 'small-2024', 'gen_ai.response.finish_reasons': ['stop'],
            'gen_ai.usage.input_tokens': 5, 'gen_ai.usage.output_tokens': len(TOKENS)})
        self.assertEqual(attributes['stream.iteration_count'], len(TOKENS))
        self.assertGreater(attributes['stream.first_item_time_ms'], 0)
        self.assertGreaterEqual(attributes['stream.generation_time_ms'], attributes['stream.first_item_time_ms'])
        self.assertNotIn('secret', str(spans))
        self.assertNotIn('What is', str(spans))

    def test_what_is_asked(self):
        spans, _, _ = self.ask('plain', OPENAI_API_KEY='sk-secret')
        (request, headers), = self.server.requests
        self.assertEqual(request, {'model': 'small', 'stream': True, 'stream_options': {'include_usage': True},
                                   'messages': [{'role': 'user', 'content': 'What is a weir?'}]})
        self.assertEqual(headers['Authorization'], 'Bearer sk-secret')
        chat = next(span for span in spans if span['name'] == 'chat')
        self.assertEqual(headers['traceparent'].split('-')[1:3], [chat['traceId'], chat['spanId']])

    def test_a_chunk_span_a_token_and_one_for_what_came_with_the_end(self):
        spans, _, _ = self.ask('plain', WEIR_STREAMING_MODE='chunk_spans')
        names = [f'chat::chunk_{n}' for n in range(len(TOKENS) + 1)]
        self.assertEqual(outline(spans), '\n  '.join(['stream_result'] + names))
        last = next(span for span in spans if span['name'] == names[-1])
        self.assertEqual(attributes_of(last)['gen_ai.response.finish_reasons'], ['stop'])

    def test_bytes_may_be_cut_anywhere(self):
        for piece in (1, 2, 3, 5, 64, 100000):
            spans, out, errors = self.ask(f'awkward{piece}')
            self.assertEqual((out, errors), (ANSWER, ''), f'pieces of {piece} bytes')
            self.assertEqual(attributes_of(spans[0])['stream.iteration_count'], len(TOKENS))

    def test_json_of_unexpected_shape_is_passed_over(self):
        _, out, errors = self.ask('strange')
        self.assertEqual((out, errors), (ANSWER, ''))

    # ---- errors ----

    def test_http_errors(self):
        self.expect_error('limit', 'rate_limit_exceeded', 'slow down', 0)
        self.expect_error('page', 'HTTPError', 'HTTP status 502', 0)
        self.expect_error('nothing_here', 'HTTPError', 'HTTP status 404', 0)

    def test_an_error_in_the_middle(self):
        self.expect_error('mid_error', 'server_error', 'overloaded', N_BEFORE_THE_END)

    def test_an_answer_that_ends_early(self):
        self.expect_error('short', 'ConnectionError', 'the answer broke off', N_BEFORE_THE_END)

    def test_a_cut_connection(self):
        spans, out, errors = self.ask('cut', expect=1)
        self.assertEqual(out, ''.join(TOKENS[:N_BEFORE_THE_END]))
        self.assertIn('ConnectionError: ', errors)
        self.assertEqual(attributes_of(spans[0])['stream.iteration_count'], N_BEFORE_THE_END)

    def test_data_that_is_not_json(self):
        _, out, errors = self.ask('nonsense', expect=1)
        self.assertEqual(out, '')
        self.assertIn('ProtocolError: ', errors)

    def test_a_line_without_end(self):
        self.expect_error('endless_line', 'ProtocolError', 'an event of the answer is over 1 MiB', 0)

    def test_nobody_listens(self):
        _, out, errors = self.collect('openai_client', 'small', 'hello', expect=1, OPENAI_BASE_URL='http://127.0.0.1:9/v1')
        self.assertEqual(out, '')
        self.assertIn('ConnectionError: ', errors)

    def test_usage(self):
        code, _, errors = example_programs.run('openai_client')
        self.assertEqual(code, 2)
        self.assertIn('MODEL PROMPT', errors)


if __name__ == '__main__':
    example_programs.main()
