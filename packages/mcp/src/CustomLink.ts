/**
 * Connections to an endpoint over a link of the caller's own: a process that is reached through another program, for example.
 *
 * Everything else stays: the handshake, the pool, what is sent again and what is not, and what messages say of the endpoint.
 */
import type { StdioEndpoint } from "./Endpoint.ts"
import { Endpoint } from "./Endpoint.ts"
import * as memoryEndpoints from "./internal/memory/memoryEndpoints.ts"

export type { Open, OpenOptions } from "./internal/memory/memoryEndpoints.ts"

/** The same endpoint, opened so. The one that was given is left as it is. */
export const stdio = (endpoint: StdioEndpoint, open: memoryEndpoints.Open): StdioEndpoint => {
  const own = Endpoint.stdio(endpoint)
  memoryEndpoints.answer(own, open)
  return own
}
