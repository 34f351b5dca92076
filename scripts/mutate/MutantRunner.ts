/**
 * Runs a test many times in one process: first as it is, then with each of the mutants the plan has for it. So modules are imported once,
 * and a mutant costs as much as the body of a test. Threads and processes that the test starts are told of the mutant by their environment.
 *
 * What a mutant left behind must not kill the next one: a kill counts if the test, run again without a mutant, passes, or if the mutant
 * was the first in its process. A process whose test fails without a mutant is of no use any more and ends itself.
 */
import { setImmediate, setTimeout } from "node:timers/promises"
import { type RunnerTask, type RunnerTestCase, type RunnerTestFile, TestRunner, type TestRunnerConfig } from "vitest"
import type { ActiveMutant } from "./ActiveMutant.ts"
import { fileVariable, mutantVariable, say, testVariable } from "./Plan.ts"

/** How long a test may take, in all and idle, in milliseconds. */
interface Patience {
  readonly millis: number
  readonly idle: number
}

type Outcome = { readonly _tag: "passed" } | { readonly _tag: "failed"; readonly why: unknown } | {
  readonly _tag: "hangs"
}

export default class MutantRunner extends TestRunner {
  readonly #state: ActiveMutant
  readonly #killed = new Set<number>()
  #tried = 0
  #unhandled: unknown

  constructor(config: TestRunnerConfig) {
    super(config)
    if (globalThis.__holdfastActiveMutant === undefined) throw new Error("mutants need scripts/mutate/preload.ts")
    this.#state = globalThis.__holdfastActiveMutant
    const unhandled = (error: unknown) => void (this.#unhandled ??= error ?? "nothing")
    process.on("unhandledRejection", unhandled)
    process.on("uncaughtException", unhandled)
  }

  override onCollectStart(file: RunnerTestFile): void {
    process.env[fileVariable] = file.name
    super.onCollectStart(file)
  }

  readonly runTask = async (test: RunnerTestCase): Promise<void> => {
    const { plan } = this.#state
    const mutants = () => (plan.tests[test.id] ?? []).filter((mutant) => !this.#killed.has(mutant))
    if (plan.mode === "each" && mutants().length === 0) return
    const began = performance.now()
    const before = performance.eventLoopUtilization()
    const usual = await this.#once(test, undefined, 1e8, {
      millis: Number.POSITIVE_INFINITY,
      idle: Number.POSITIVE_INFINITY
    })
    const millis = performance.now() - began
    if (usual._tag !== "passed") {
      say(plan, { kind: "broken", test: test.id, why: usual._tag === "failed" ? String(usual.why) : usual._tag })
      return
    }
    const { counts } = this.#state
    if (plan.mode === "survey") {
      const reached = [...counts.keys()].filter((id) => (counts[id] ?? 0) > 0)
      return say(plan, { kind: "reached", file: test.file.name, test: test.id, millis, mutants: reached })
    }
    const usually = counts.slice()
    // A test that waits for nothing but what never comes is idle. Idle time does not grow because the machine is busy, unless it is
    // another thread or process that is waited for.
    const { idle } = performance.eventLoopUtilization(before)
    const here = { millis: 2_000 + 20 * millis, idle: 500 + 5 * idle }
    const elsewhere = { millis: 5_000 + 10 * millis, idle: 5_000 + 10 * idle }
    for (const mutant of mutants()) {
      const patience = usually[mutant] === 0 ? elsewhere : here
      say(plan, { kind: "trying", mutant, test: test.id, limit: patience.millis })
      const outcome = await this.#once(test, mutant, 10_000 + 100 * (usually[mutant] ?? 0), patience)
      this.#tried++
      if (outcome._tag === "passed") {
        say(plan, { kind: "survived", mutant, test: test.id })
        continue
      }
      this.#killed.add(mutant)
      const isClean = (await this.#once(test, undefined, 1e8, patience))._tag === "passed"
      const how = outcome._tag === "hangs" ? "time" : "failed"
      if (isClean || this.#tried === 1) say(plan, { kind: "killed", mutant, test: test.id, how })
      else say(plan, { kind: "unsure", mutant, test: test.id })
      if (!isClean) process.kill(process.pid, "SIGKILL")
    }
  }

  async #once(test: RunnerTestCase, mutant: number | undefined, hits: number, patience: Patience): Promise<Outcome> {
    const state = this.#state
    // What Vitest does before a test: it counts assertions and snapshots anew.
    this.onBeforeTryTask(test as RunnerTask, { retry: 0, repeats: 0 })
    state.counts.fill(0)
    this.#unhandled = undefined
    state.limit = hits
    state.active = new Set(mutant === undefined ? [] : [mutant])
    state.inTest = true
    process.env[testVariable] = test.id
    if (mutant !== undefined) process.env[mutantVariable] = String(mutant)
    const body = async (): Promise<Outcome> => {
      try {
        await TestRunner.getTestFn(test)()
        this.onAfterTryTask(test)
        // Rejections that are handled by nothing are told of a turn later.
        await setImmediate()
        return this.#unhandled === undefined ? { _tag: "passed" } : { _tag: "failed", why: this.#unhandled }
      } catch (why) {
        return { _tag: "failed", why }
      }
    }
    const over = new AbortController()
    const late = async (): Promise<Outcome> => {
      const began = performance.now()
      const before = performance.eventLoopUtilization()
      while (!over.signal.aborted) {
        await setTimeout(50)
        if (performance.now() - began > patience.millis) break
        if (performance.eventLoopUtilization(before).idle > patience.idle) break
      }
      return { _tag: "hangs" }
    }
    const outcome = await Promise.race([body(), late()])
    over.abort()
    state.active = new Set()
    state.inTest = false
    delete process.env[testVariable]
    delete process.env[mutantVariable]
    return outcome
  }
}
