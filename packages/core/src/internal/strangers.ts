/**
 * What the machine asks of code that is not its own: the connector's opinion of an error, random numbers, a schedule's surroundings.
 *
 * Each answer stands behind a boundary: what throws is told in the log, and there is an answer all the same.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import type { Connector } from "../Connector.ts"
import type { Defects } from "./defects.ts"
import type { Failure } from "./failure.ts"
import type { PauseWorld } from "./pauses.ts"

export class Strangers<K, C, E> {
  private readonly connector: Connector<K, C, E>
  private readonly context: Context.Context<never>
  private readonly defects: Defects
  private readonly now: () => number
  private readonly random: typeof Random.Random.Service

  constructor(options: {
    readonly connector: Connector<K, C, E>
    readonly context: Context.Context<never>
    readonly defects: Defects
    readonly now: () => number
  }) {
    this.connector = options.connector
    this.context = options.context
    this.defects = options.defects
    this.now = options.now
    this.random = Context.get(options.context, Random.Random)
  }

  /** What the connector says of an error, asked once. */
  failed(label: string, error: E): Failure<E> {
    try {
      return { _tag: "Failed", error, as: this.connector.classify(error) }
    } catch (defect) {
      this.defects.tell(`${label}: classify threw, so a failure counts as retryable`, defect)
      return { _tag: "Failed", error, as: "retryable" }
    }
  }

  /** What a fiber of the connector's ended with, if it is no error of the connector's. */
  died(label: string, what: string, cause: Cause.Cause<unknown>): Failure<E> {
    this.defects.tell(`${label}: ${what}`, cause)
    return { _tag: "Defect", defect: Cause.squash(cause) }
  }

  /** Uniform in [0, 1), whatever the generator does. */
  chance(label: string): number {
    try {
      const chance = this.random.nextDoubleUnsafe()
      if (chance >= 0 && chance < 1) return chance
    } catch (defect) {
      this.defects.tell(`${label}: the random numbers broke`, defect)
    }
    return 0.5
  }

  /** The surroundings of a key's schedules: the pool's context, with random numbers that do not break. */
  readonly worldOf = (label: string): PauseWorld => {
    const random = { ...this.random, nextDoubleUnsafe: () => this.chance(label) }
    const context = Context.add(this.context, Random.Random, random)
    const clock = Context.get(context, Clock.Clock)
    return {
      now: this.now,
      wallMillis: () => clock.currentTimeMillisUnsafe(),
      run: (effect) => Effect.runSyncExitWith(context)(effect),
      onDefect: (cause) => {
        const defect = Cause.squash(cause)
        // It would go on by itself, and belong to nothing.
        if (Cause.isAsyncFiberError(defect)) defect.fiber.interruptUnsafe()
        this.defects.tell(`${label}: the reconnect schedule broke, so the default pause is taken`, cause)
      }
    }
  }
}
