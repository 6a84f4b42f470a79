/** Attributes of a span: codes, ids and counts; never secrets or personal data. */
export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** What of a process is followed by OpenTelemetry (OPS-3). */
export interface Tracing {
  /** False where nobody listens: the hot path then does not even ask for a span. */
  readonly enabled: boolean;
  /** Runs work inside a span; spans begun meanwhile are its children. A failure is marked by its name only. */
  span<T>(name: string, attributes: SpanAttributes, work: () => Promise<T>): Promise<T>;
  /** Sends what is left. */
  close(): Promise<void>;
}

const OFF: Tracing = { enabled: false, span: (_name, _attributes, work) => work(), close: async () => undefined };

/** Traces to an OTLP endpoint over HTTP where one is configured. The packages are loaded only then. */
export async function createTracing(endpoint: string | null, serviceName: string): Promise<Tracing> {
  if (endpoint === null) return OFF;
  const [
    { context, SpanStatusCode },
    { AsyncLocalStorageContextManager },
    { TracerProvider, BatchSpanProcessor },
    { OTLPTraceExporter },
    { resourceFromAttributes },
  ] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/exporter-trace-otlp-http'),
    import('@opentelemetry/resources'),
  ]);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager());
  const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces`, timeoutMillis: 5_000 });
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ 'service.name': serviceName }),
    // Bounded: when the collector is away, the oldest spans are lost and nothing else.
    spanProcessors: [new BatchSpanProcessor({ exporter, maxQueueSize: 2_048, scheduledDelayMillis: 1_000 })],
  });
  const tracer = provider.getTracer('portolan');
  return {
    enabled: true,
    span: (name, attributes, work) =>
      tracer.startActiveSpan(name, { attributes }, async (span) => {
        try {
          return await work();
        } catch (error) {
          span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).name });
          throw error;
        } finally {
          span.end();
        }
      }),
    close: () => provider.shutdown(),
  };
}
