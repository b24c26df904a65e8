/**
 * ONNX Runtime would report to its maker what it is used for. It looks at this variable when its first session is made, in whichever thread; who sets
 * it to something is left alone. The only place that writes to the environment: it is imported before the runtime, by whatever loads it or starts a
 * thread that does, and threads get a copy of what stands there when they start.
 */
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
