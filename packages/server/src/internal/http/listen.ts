/** A server of Node's that listens for as long as the layer is there, or says in words why it cannot. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as Effect from "effect/Effect"
import * as HttpServer from "effect/http/HttpServer"
import * as Layer from "effect/Layer"
import { isNativeError } from "node:util/types"
import { ListenFailed, McpServerError } from "../../McpServerError.ts"
import type { NodeServer } from "./nodeServer.ts"

export interface ListenOptions {
  readonly host: string
  readonly port: number
}

/** Fails with `ListenFailed`. */
export const listen = (
  { server }: NodeServer,
  { host, port }: ListenOptions
): Layer.Layer<HttpServer.HttpServer, McpServerError> =>
  NodeHttpServer.layerServer(() => server, { host, port, disablePreemptiveShutdown: true }).pipe(
    Layer.catchTag("ServeError", ({ cause }) =>
      Layer.effect(
        HttpServer.HttpServer,
        Effect.fail(new McpServerError({ reason: new ListenFailed({ host, port, ...wordsOf(cause) }) }))
      ))
  )

const wordsOf = (cause: unknown): { readonly code: string; readonly description: string } => ({
  code: isNativeError(cause) && "code" in cause && typeof cause.code === "string" ? cause.code : "",
  description: isNativeError(cause) ? cause.message : String(cause)
})
