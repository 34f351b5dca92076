/** A server's factory with all it needs but what each session gives it. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { Session } from "../../Session.ts"
import type { SdkServer } from "../sdk/SessionServer.ts"

export type Factory = Effect.Effect<SdkServer, unknown, Session | Scope.Scope>

export const factoryOf = <R>(
  server: (() => SdkServer) | Effect.Effect<SdkServer, unknown, R>
): Effect.Effect<Factory, never, Exclude<R, Session | Scope.Scope>> =>
  Effect.map(Effect.context<Exclude<R, Session | Scope.Scope>>(), (context) =>
    Effect.provideContext(
      typeof server === "function" ? Effect.sync(server) : server,
      // At run time a context holds everything that is around: a Scope that is not the session's would outlive it.
      Context.omit(Scope.Scope, Session)(context)
      // What is left over of R is what was left out of it.
    ) as Factory)
