/**
 * Connections to an endpoint over a link of the caller's own: a process that is reached through another program, for example.
 *
 * Everything else stays: the handshake, the pool, what is sent again and what is not, and what messages say of the endpoint.
 */
import type { HttpEndpoint, SseEndpoint, StdioEndpoint } from "./Endpoint.ts"
import { Endpoint } from "./Endpoint.ts"
import * as memoryEndpoints from "./internal/memoryEndpoints.ts"

export type { Open, OpenOptions } from "./internal/memoryEndpoints.ts"

/** The same endpoint, opened so. The one that was given is left as it is. */
export const stdio = (endpoint: StdioEndpoint, open: memoryEndpoints.Open): StdioEndpoint => {
  const own = Endpoint.stdio(endpoint)
  memoryEndpoints.answer(own, open)
  return own
}

/** The same for a server behind a url. */
export const url = (endpoint: HttpEndpoint | SseEndpoint, open: memoryEndpoints.Open): HttpEndpoint | SseEndpoint => {
  const own = endpoint._tag === "Http" ? Endpoint.http(endpoint) : Endpoint.sse(endpoint)
  memoryEndpoints.answer(own, open)
  return own
}
