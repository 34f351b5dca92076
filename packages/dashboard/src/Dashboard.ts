/**
 * Answers the requests of the page, whatever listens for them: the files of the page, and what it reads and asks of a `DashboardSource`.
 *
 * | request                  | answer                                                                       |
 * | ------------------------ | ---------------------------------------------------------------------------- |
 * | `GET` of the folder      | the page, without anything of the host                                       |
 * | `GET page.js`, `page.css`| its parts                                                                    |
 * | `POST api/enter`         | `Entered`, for the token of the address                                      |
 * | `GET api/state`          | `Snapshot`                                                                   |
 * | `GET api/live`           | events `state` and `change`, at most ten in a second                         |
 * | `GET api/log?of=`        | events `lines`, the past first                                               |
 * | `GET api/why?of=`        | `Why`                                                                        |
 * | `POST api/do`            | `Done`                                                                       |
 *
 * Each answer forbids everything that the page does not need, other origins included, and is kept by no cache. Everything under `api` but `enter`
 * needs the secret of a session. What is refused or fails is a `Problem`.
 *
 * @example
 * ```ts
 * import * as Dashboard from "@holdfast/dashboard/Dashboard"
 * import * as DashboardAccess from "@holdfast/dashboard/DashboardAccess"
 * import * as DashboardGuard from "@holdfast/dashboard/DashboardGuard"
 * import type { DashboardSource } from "@holdfast/dashboard/DashboardSource"
 * import * as Effect from "effect/Effect"
 *
 * export const answerTo = (source: DashboardSource, path: string) =>
 *   Effect.flatMap(
 *     Dashboard.make({ source, access: DashboardAccess.open, isOurHost: DashboardGuard.loopback(8080) }),
 *     ({ answer }) =>
 *       answer({
 *         method: "GET",
 *         path,
 *         query: new URLSearchParams(),
 *         headers: { host: "127.0.0.1:8080" },
 *         body: Effect.succeed("")
 *       })
 *   )
 * ```
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Changes from "./Changes.ts"
import * as DashboardAccess from "./DashboardAccess.ts"
import * as Contract from "./DashboardContract.ts"
import * as DashboardGuard from "./DashboardGuard.ts"
import type { DashboardRefusal, DashboardSource } from "./DashboardSource.ts"
import * as PageFiles from "./internal/PageFiles.ts"

/** A request, as whatever listens has it. */
export interface DashboardRequest {
  readonly method: string
  /** Below the folder of the page, without a slash in front: empty for the page itself. */
  readonly path: string
  readonly query: URLSearchParams
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
  /** Read only where it is needed. What listens cuts off bodies that are longer than `mostBody`. */
  readonly body: Effect.Effect<string>
}

/** An answer. A stream goes on until the client leaves, and is interrupted then. */
export interface DashboardResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Stream.Stream<string>
}

/** Characters of a body: no request of the page has more. */
export const mostBody = 64 * 1024

/** What is served, and to which requests. */
export interface DashboardOptions {
  readonly source: DashboardSource
  readonly access: DashboardAccess.DashboardAccess
  /** Judges the value of `Host`, in lower case: `DashboardGuard.loopback` for what only this machine reaches. */
  readonly isOurHost: (host: string) => boolean
}

/** A page that is served. */
export interface Dashboard {
  /** Never fails: what goes wrong is an answer. */
  readonly answer: (request: DashboardRequest) => Effect.Effect<DashboardResponse>
}

/** Loads the files of the page. In the workspace of Holdfast they are made from its sources first. */
export const make = Effect.fnUntraced(function*(
  { access, isOurHost, source }: DashboardOptions
): Effect.fn.Return<Dashboard> {
  const files = yield* PageFiles.load
  const routes: Readonly<
    Record<string, (request: DashboardRequest) => Effect.Effect<DashboardResponse, DashboardRefusal>>
  > = {
    "POST api/enter": ({ body }) =>
      Effect.flatMap(read(body, Contract.Enter), (entering) =>
        entering === undefined
          ? Effect.succeed(notUnderstood)
          : Effect.map(access.enter(entering.token), (session) => json({ session } satisfies Contract.Entered))),
    "GET api/state": () =>
      Effect.map(
        Stream.runHead(source.snapshots),
        (head) => head._tag === "Some" ? json(Changes.bounded(head.value)) : problem(503, "the host has nothing to say")
      ),
    "GET api/live": () => Effect.succeed(events(live(source))),
    "GET api/log": ({ query }) => {
      const of = query.get("of")
      return of === null || source.log === undefined
        ? Effect.succeed(notThere)
        : Effect.succeed(events(
          source.log(of).pipe(
            Stream.map((lines) => event("lines", lines)),
            Stream.catch(({ message }) => Stream.succeed(event("problem", { message })))
          )
        ))
    },
    "GET api/why": ({ query }) => {
      const of = query.get("of")
      return of === null || source.why === undefined
        ? Effect.succeed(notThere)
        : Effect.map(source.why(of), json)
    },
    "POST api/do": ({ body }) =>
      Effect.flatMap(
        read(body, Contract.Action),
        (action) => action === undefined ? Effect.succeed(notUnderstood) : Effect.map(source.act(action), json)
      )
  }
  const answer = (request: DashboardRequest): Effect.Effect<DashboardResponse> => {
    const { headers, method, path } = request
    const refused = DashboardGuard.judge(request, isOurHost)
    if (refused !== undefined) return Effect.succeed(problem(refused.status, refused.message))
    const file = files.get(path)
    if (file !== undefined && (method === "GET" || method === "HEAD")) {
      return Effect.succeed(secured(200, file.type, method === "HEAD" ? "" : file.text))
    }
    if (path.startsWith("api/") && path !== "api/enter" && !access.admits(headers[DashboardAccess.header])) {
      return Effect.succeed(problem(401, "this page has no session; open the address as printed"))
    }
    const route = Object.hasOwn(routes, `${method} ${path}`) ? routes[`${method} ${path}`] : undefined
    return route === undefined
      ? Effect.succeed(notThere)
      : Effect.catch(
        route(request),
        ({ message }) => Effect.succeed(problem(path === "api/enter" ? 401 : 409, message))
      )
  }
  return { answer }
})

/** Of a source that says more than can be sent, the last is sent. */
const live = ({ snapshots }: DashboardSource): Stream.Stream<string> =>
  snapshots.pipe(
    Stream.buffer({ capacity: 1, strategy: "sliding" }),
    Stream.mapAccum(
      (): Contract.Snapshot | undefined => undefined,
      (before, snapshot) => {
        const change = before === undefined || before.head.epoch !== snapshot.head.epoch
          ? event("state", Changes.bounded(snapshot))
          : (({ change }) => change === undefined ? undefined : event("change", change))({
            change: Changes.between(before, snapshot)
          })
        return [snapshot, change === undefined ? [] : [change]]
      }
    ),
    Stream.mapEffect((text) => Effect.as(Effect.sleep(pause), text))
  )

const pause = "100 millis"

/** A line that is no event, so that each side notices in time that the other one is gone. */
const heartbeat = ": \n\n"
const heartbeatPause = "10 seconds"

const event = (name: string, data: object): string => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`

const events = (texts: Stream.Stream<string>): DashboardResponse =>
  secured(
    200,
    "text/event-stream",
    Stream.merge(texts, Stream.map(Stream.tick(heartbeatPause), () => heartbeat), { haltStrategy: "left" })
  )

const read = <A>(body: Effect.Effect<string>, schema: Schema.Codec<A>): Effect.Effect<A | undefined> => {
  const decode = Schema.decodeUnknownOption(Schema.fromJsonString(schema))
  return Effect.map(body, (text) => {
    const decoded = decode(text)
    return decoded._tag === "Some" ? decoded.value : undefined
  })
}

const json = (value: object): DashboardResponse => secured(200, "application/json", JSON.stringify(value))

const problem = (status: number, message: string): DashboardResponse =>
  secured(status, "application/json", JSON.stringify({ message } satisfies Contract.Problem))

const secured = (status: number, type: string, body: DashboardResponse["body"]): DashboardResponse => ({
  status,
  headers: { ...security, "content-type": `${type}; charset=utf-8` },
  body
})

/** The page loads its own script and style and asks its own host; nothing else, and it is shown in no frame. */
const security = {
  "cache-control": "no-store",
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'"
  ].join("; "),
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY"
} as const

const notThere = problem(404, "there is no such thing here; reload the page if it was just updated")
const notUnderstood = problem(400, "the request is not understood; reload the page if it was just updated")
