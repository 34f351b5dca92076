/**
 * The page of the operators' port: requests of Effect's HTTP server as the page has them, and its answers.
 *
 * The page and what it takes are loaded at the first request for it.
 */
import type { DashboardResponse } from "@holdfast/dashboard/Dashboard"
import * as DashboardAccess from "@holdfast/dashboard/DashboardAccess"
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Authenticator } from "../../Authenticator.ts"
import * as OperatorAccess from "./operatorAccess.ts"
import * as ServerSamples from "./serverSamples.ts"
import * as ServerSource from "./serverSource.ts"

/** The folder of the page. */
export const path = "/dashboard"

/** From wherever the port is seen, below a path of a proxy too. */
export const toPage = HttpServerResponse.redirect("dashboard/", { status: 303 })

/** Answers requests of the folder, and below it, that are past the guard. */
export interface DashboardRoute {
  readonly answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest>
}

/** For as long as the Scope is open. */
export const make = Effect.fnUntraced(function*(
  options: Omit<ServerSource.ServerSourceOptions, "samples"> & { readonly auth: Authenticator | undefined }
): Effect.fn.Return<DashboardRoute, never, Scope.Scope> {
  const samples = yield* ServerSamples.make(options.registry)
  const operators = options.auth === undefined ? undefined : yield* OperatorAccess.make(options.auth)
  const loaded = yield* Effect.cached(Effect.gen(function*() {
    const Dashboard = yield* Effect.promise(() => import("@holdfast/dashboard/Dashboard"))
    const source = yield* ServerSource.make({ ...options, samples })
    // The guard of the port has judged the name.
    const dashboard = yield* Dashboard.make({
      source,
      access: operators ?? DashboardAccess.open,
      isOurHost: () => true
    })
    return { ...dashboard, mostBody: Dashboard.mostBody }
  }))
  const answer = Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { pathname, searchParams } = new URL(request.url, "http://localhost")
    if (!pathname.startsWith(`${path}/`)) return toPage
    const below = pathname.slice(path.length + 1)
    const { answer, mostBody } = yield* loaded
    const headers: Record<string, string | undefined> = { ...request.headers }
    if (operators !== undefined && below.startsWith("api/") && below !== "api/enter") {
      const { header } = DashboardAccess
      if (!operators.admits(headers[header])) {
        if (!(yield* operators.knows(request))) {
          return HttpServerResponse.jsonUnsafe({ message: OperatorAccess.howToEnter }, { status: 401 })
        }
        headers[header] = operators.admitted
      }
    }
    const response = yield* answer({
      method: request.method,
      path: below,
      query: searchParams,
      headers,
      body: request.text.pipe(
        Effect.provideService(HttpIncomingMessage.MaxBodySize, ByteSize.bytes(mostBody)),
        // What cannot be read is no request of the page.
        Effect.orElseSucceed(() => "")
      )
    })
    return toHttp(response)
  })
  return { answer }
})

const toHttp = ({ body, headers, status }: DashboardResponse): HttpServerResponse.HttpServerResponse => {
  const { "content-type": contentType = "text/plain", ...others } = headers
  return typeof body === "string"
    ? HttpServerResponse.text(body, { status, contentType, headers: others })
    : HttpServerResponse.stream(Stream.encodeText(body), { status, contentType, headers: others })
}
