/** A client that leaves by a reset, as when its machine is gone. */
import * as Effect from "effect/Effect"
import * as http from "node:http"

/** A request that leaves by a reset of its connection, and says how far it came. */
export const visit = (url: string, method: "GET" | "POST", body = "") =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const headers = {
        "content-type": "application/json",
        accept: "application/json, text/event-stream",
        "content-length": body.length
      }
      let id: string | undefined
      let hasHead = false
      const request = http.request(url, { method, headers, agent: new http.Agent() })
      request.on("response", (response) => {
        hasHead = true
        id = [response.headers["mcp-session-id"]].flat()[0]
        response.resume().on("error", () => {})
      })
      request.on("error", () => {})
      request.end(body)
      return { hasHead: () => hasHead, sessionId: () => id, reset: () => void request.socket?.resetAndDestroy() }
    }),
    ({ reset }) => Effect.sync(reset)
  )
