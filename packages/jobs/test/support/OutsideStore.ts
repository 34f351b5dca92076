/**
 * A store that is not ours, which refuses a write with a fence lower than one that it has seen for the same job.
 */
import * as Effect from "effect/Effect"
import * as http from "node:http"

interface Write {
  readonly fence: number
  readonly isTaken: boolean
}

/** Listens on loopback until the Scope closes. */
export const make = Effect.gen(function*() {
  const writes: Array<Write> = []
  const highest = new Map<string, number>()
  const server = http.createServer((request, response) => {
    const [, job = "", text = ""] = (request.url ?? "").split("/")
    const fence = Number(text)
    const isTaken = fence >= (highest.get(job) ?? 0)
    if (isTaken) highest.set(job, fence)
    writes.push({ fence, isTaken })
    response.writeHead(isTaken ? 204 : 409).end()
  })
  yield* Effect.acquireRelease(
    Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
    () =>
      Effect.callback<void>((resume) => {
        server.close(() => resume(Effect.void))
        server.closeAllConnections()
      })
  )
  const address = server.address()
  return { port: typeof address === "object" && address !== null ? address.port : 0, writes }
})
