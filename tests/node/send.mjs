// Sends two spans by a standard exporter and prints what it sent: node send.mjs proto|http|grpc URL
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'

const [kind, url] = process.argv.slice(2)
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${kind}`)
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ 'service.name': 'shop-js', 'deployment.environment.name': 'test' }),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
})
const tracer = provider.getTracer('tests-js', '1.2.3')
const second = Math.floor(Date.now() / 1000) - 60

const parent = tracer.startSpan('agent', { kind: SpanKind.SERVER, startTime: [second, 1] }, ROOT_CONTEXT)
const child = tracer.startSpan(
  'chat gpt-4o',
  {
    kind: SpanKind.CLIENT,
    startTime: [second, 123456789],
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 12,
      'gen_ai.response.finish_reasons': ['stop', 'length'],
      text: 'é "quoted" \\ \u20ac \u{1F600}\n',
      empty: '',
      zero: 0,
      negative: -5,
      large: 9007199254740991,
      real: 0.1,
      yes: true,
      no: false,
      numbers: [1, 2.5, -3],
      flags: [true, false],
      none: [],
    },
    links: [{ context: parent.spanContext(), attributes: { why: 'because' } }],
  },
  trace.setSpan(ROOT_CONTEXT, parent),
)
child.addEvent('first token', { n: 1, words: ['a', 'b'] }, [second, 200000000])
child.setStatus({ code: SpanStatusCode.ERROR, message: 'it broke' })
child.end([second + 1, 987654321])
parent.end([second + 2, 0])
await provider.forceFlush()
await provider.shutdown()
const { traceId, spanId } = child.spanContext()
console.log(JSON.stringify({ traceId, spanId, parentId: parent.spanContext().spanId, second }))
