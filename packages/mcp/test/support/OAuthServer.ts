/**
 * A small OAuth authorization server with the MCP server it guards, in this process, on loopback. It hands out tokens that can be
 * expired at once, rotates refresh tokens as strictly as it is allowed to (a spent one is an `invalid_grant`), and counts.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as http from "node:http"
import type { AddressInfo } from "node:net"

export interface OAuthServer {
  /** The guarded server. */
  readonly url: string
  /** Grants asked for at the token endpoint, in order. */
  readonly grants: Array<string>
  /** Every token handed out: none may be seen in a message. */
  readonly issued: Array<string>
  /** Requests refused for their token. */
  refused: number
  /** Tools called. */
  calls: number
  /** What the token endpoint does with the next grants. */
  tokenEndpoint: "ok" | "down" | "nonsense" | "held"
  /** Answers what is held. */
  readonly release: () => void
  /** How many grants are held. */
  readonly held: () => number
  /** No access token is good any more. */
  readonly expire: () => void
  /** No refresh token either. */
  readonly revoke: () => void
  /** The resource wants this scope too, of which no token has enough. */
  scope: string | undefined
  readonly stop: Effect.Effect<void>
}

export const make: Effect.Effect<OAuthServer, never, Scope.Scope> = Effect.acquireRelease(
  Effect.callback<OAuthServer>((resume) => {
    const good = { access: new Set<string>(), refresh: new Set<string>() }
    const waiting: Array<() => void> = []
    let count = 0
    let origin = ""

    const server = http.createServer((request, response) => {
      const json = (status: number, body: object, headers: http.OutgoingHttpHeaders = {}) =>
        response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body))
      const path = request.url ?? ""
      let body = ""
      request.setEncoding("utf8").on("data", (chunk: string) => void (body += chunk)).on("end", () => {
        if (path.startsWith("/.well-known/oauth-protected-resource")) {
          return json(200, { resource: self.url, authorization_servers: [origin] })
        }
        if (path.startsWith("/.well-known/oauth-authorization-server")) {
          return json(200, {
            issuer: origin,
            authorization_endpoint: `${origin}/authorize`,
            token_endpoint: `${origin}/token`,
            response_types_supported: ["code"],
            code_challenge_methods_supported: ["S256"],
            token_endpoint_auth_methods_supported: ["client_secret_post", "none"]
          })
        }
        if (path === "/token") return token(new URLSearchParams(body), json)
        if (path === "/mcp") return resource(request.headers.authorization, body, json)
        return json(404, {})
      })
    })

    type Answer = (status: number, body: object, headers?: http.OutgoingHttpHeaders) => unknown
    const token = (form: URLSearchParams, json: Answer): unknown => {
      const grant = form.get("grant_type") ?? ""
      self.grants.push(grant)
      if (self.tokenEndpoint === "down") return json(503, { gone: form.toString() })
      if (self.tokenEndpoint === "nonsense") {
        return json(200, { secret: form.get("refresh_token") }, { "content-type": "text/html" })
      }
      const refreshToken = form.get("refresh_token") ?? ""
      // A refresh token is good once.
      if (grant === "refresh_token" && !good.refresh.delete(refreshToken)) {
        return json(400, { error: "invalid_grant", error_description: `never heard of ${refreshToken}` })
      }
      if (grant === "authorization_code" && form.get("code") !== "the-code") {
        return json(400, { error: "invalid_grant", error_description: `never heard of ${form.get("code")}` })
      }
      const access = `access-${++count}-${"s".repeat(20)}`
      const refresh = `refresh-${count}-${"s".repeat(20)}`
      const answer = () => {
        good.access.add(access)
        good.refresh.add(refresh)
        self.issued.push(access, refresh)
        json(200, { access_token: access, refresh_token: refresh, token_type: "Bearer", expires_in: 3600 })
      }
      return self.tokenEndpoint === "held" ? waiting.push(answer) : answer()
    }
    const resource = (authorization: string | undefined, body: string, json: Answer): unknown => {
      const metadata = `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`
      if (!good.access.has((authorization ?? "").replace("Bearer ", ""))) {
        self.refused++
        return json(401, { quoted: authorization ?? "" }, {
          "www-authenticate": `Bearer error="invalid_token", ${metadata}`
        })
      }
      if (self.scope !== undefined) {
        const wanted = `error="insufficient_scope", scope="${self.scope}"`
        return json(403, {}, { "www-authenticate": `Bearer ${wanted}, ${metadata}` })
      }
      return body === "" ? json(200, { hello: "you" }) : speak(JSON.parse(body), json)
    }
    /** As much of a legacy MCP server as a call needs. */
    const speak = (message: { readonly id?: unknown; readonly method?: string }, json: Answer): unknown => {
      const { id, method } = message
      if (id === undefined) return json(202, {})
      const answer = (result: object) => json(200, { jsonrpc: "2.0", id, result })
      if (method === "tools/call") {
        self.calls++
        return answer({ content: [{ type: "text", text: "done" }] })
      }
      if (method !== "initialize") {
        return json(200, { jsonrpc: "2.0", id, error: { code: -32601, message: "method not found" } })
      }
      return answer({
        protocolVersion: "2025-11-25",
        capabilities: { tools: {} },
        serverInfo: { name: "guarded", version: "1" }
      })
    }

    const self: { -readonly [Name in keyof OAuthServer]: OAuthServer[Name] } = {
      url: "",
      grants: [],
      issued: [],
      refused: 0,
      calls: 0,
      tokenEndpoint: "ok",
      release: () => {
        for (const answer of waiting.splice(0)) answer()
      },
      held: () => waiting.length,
      expire: () => good.access.clear(),
      revoke: () => good.refresh.clear(),
      scope: undefined,
      stop: Effect.callback<void>((done) => {
        if (!server.listening) return done(Effect.void)
        server.close(() => done(Effect.void))
        server.closeAllConnections()
      })
    }
    server.listen(0, "127.0.0.1", () => {
      // Only a server on a pipe has another kind of address.
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      self.url = `${origin}/mcp`
      resume(Effect.succeed(self))
    })
  }),
  (server) => server.stop
)
