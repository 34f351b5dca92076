import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as Layer from "effect/Layer"
import * as Otlp from "effect/observability/Otlp"
import * as OtlpSerialization from "effect/observability/OtlpSerialization"

/** Traces and metrics of the whole program. OpenTelemetry's variables say which, and where to; without them nothing is sent. */
export const layer = Otlp.layerFromConfig({ resource: { serviceName: "notes" } }).pipe(
  Layer.provide([OtlpSerialization.layerJson, FetchHttpClient.layer])
)
