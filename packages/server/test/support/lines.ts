/** A server over lines in this process: as over stdio, without a process and its pipes. Its time is unhurried. */
import type { Session } from "@holdfast/server/Session"
import type { SessionPolicyInput } from "@holdfast/server/SessionPolicy"
import * as SessionRegistry from "@holdfast/server/SessionRegistry"
import * as StdioHost from "@holdfast/server/StdioHost"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { NodeStdio, StdioEnd, StdioHandlers } from "../../src/internal/stdio/nodeStdio.ts"
import { echoServer, steering } from "./echoServer.ts"
import { LineClient } from "./lineClient.ts"
import { unhurried } from "./unhurriedClock.ts"

export interface LinesOptions extends Partial<StdioHost.StdioOptions<Session | Scope.Scope>> {
  readonly policy?: SessionPolicyInput
  /** A registry that does otherwise. */
  readonly having?: Partial<SessionRegistry.SessionRegistry["Service"]>
}

export const open = ({ having, policy, ...options }: LinesOptions = {}) =>
  unhurried(Effect.gen(function*() {
    const steer = steering()
    const servers = { made: 0, alive: 0 }
    const { drainTimeout = "100 millis", stateless } = options
    const server: NonNullable<LinesOptions["server"]> = options.server ?? echoServer(steer)
    const factory = Effect.acquireRelease(
      Effect.sync(() => {
        servers.made++
        servers.alive++
      }),
      () => Effect.sync(() => void servers.alive--)
    ).pipe(Effect.andThen(typeof server === "function" ? Effect.sync(server) : server))
    const ended = Deferred.makeUnsafe<StdioEnd>()
    let handlers: StdioHandlers | undefined
    const client = new LineClient((text) => {
      for (const line of text.split("\n")) if (line !== "") handlers?.onLine(line)
    })
    const stdio: NodeStdio = {
      read: (given) => Effect.sync(() => void (handlers = given)),
      write: (text) => void client.said.push(JSON.parse(text)),
      ended: Deferred.await(ended),
      flushed: Effect.void
    }
    const registry = yield* SessionRegistry.make(policy)
    const running = yield* Effect.forkScoped(
      Effect.scoped(StdioHost.serve({ drainTimeout, server: factory, stateless }, { ...registry, ...having }, stdio)),
      { startImmediately: true }
    )
    return {
      client,
      steer,
      servers,
      registry,
      running,
      end: (reason: StdioEnd): void => void Deferred.doneUnsafe(ended, Effect.succeed(reason))
    }
  }))
