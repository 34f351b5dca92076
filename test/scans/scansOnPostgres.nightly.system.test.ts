/** The same scenarios with scans that are kept in Postgres. */
import { afterAll, beforeAll } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as net from "node:net"
import * as path from "node:path"
import * as PostgresServer from "../bench/jobs/PostgresServer.ts"
import { define } from "./scansTests.ts"
import { smallTree } from "./support/ScanServer.ts"

const scope = Scope.makeUnsafe()
let url = ""

beforeAll(() =>
  Effect.runPromise(Scope.provide(
    Effect.gen(function*() {
      const { folder } = yield* PostgresServer.open
      // It listens on a socket in that folder; a url names a port.
      const server = net.createServer((client) => {
        const upstream = net.connect(path.join(folder, ".s.PGSQL.5432"))
        for (const [from, to] of [[client, upstream], [upstream, client]] as const) {
          from.on("error", () => to.destroy()).on("close", () => to.destroy()).pipe(to)
        }
      })
      yield* Effect.acquireRelease(
        Effect.callback<void>((resume) => void server.listen(0, "127.0.0.1", () => resume(Effect.void))),
        () => Effect.sync(() => server.close())
      )
      const address = server.address()
      url = `postgres://jobs@127.0.0.1:${typeof address === "object" ? address?.port : ""}/bench`
    }),
    scope
  ))
)
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

define("fifty megabytes, kept in Postgres", smallTree, Effect.sync(() => ({ HOLDFAST_JOBS_URL: url })))
