import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { acceptedIn, statesOf, steps, storeIn } from "./killedProgram.ts"
import { until } from "./until.ts"
import * as Worker from "./WorkerProcess.ts"

/** A program is killed over its job. Another one takes the job over then, and not before. */
export const takenOver = (
  where: { readonly database: string; readonly log: string },
  over: Partial<Worker.Options>
): Effect.Effect<void, unknown> =>
  Effect.scoped(Effect.gen(function*() {
    const victim = yield* Worker.start({
      ...where,
      name: "victim",
      jobs: 1,
      steps,
      stepMillis: 100_000,
      leaseMillis: 1000,
      ...over
    })
    const store = yield* storeIn(where.database)
    const [id = ""] = acceptedIn(where.log)
    yield* until(statesOf(store, [id]), (states) => states[0] === "running")
    const heir = yield* Worker.start({ ...where, name: "heir", jobs: 1, steps: 1, stepMillis: 1, leaseMillis: 1000 })
    // While the victim lives, nothing is taken from it.
    yield* until(
      statesOf(store, acceptedIn(where.log).filter((other) => other !== id)),
      (states) => states.every((state) => state === "succeeded")
    )
    assert.strictEqual((yield* store.read([id]))[0]?.attempt, 1)
    yield* victim.signal("SIGKILL")
    yield* victim.ended
    yield* until(store.read([id]), ([job]) => job?.attempt === 2)
    yield* until(Effect.sync(heir.stderr), (text) => /WARN.*taken over from runner/.test(text))
  }))
