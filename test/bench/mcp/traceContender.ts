/**
 * Calls of the whole runtime over a link in memory, in a process of its own: nothing but the client's own work, and the server's, which is the same for
 * all. The argument says how calls are followed.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Tracer from "effect/Tracer"
import { registerHooks } from "node:module"
import type { Failed } from "../ContenderProcess.ts"

/** So many calls, one after the other. */
export interface Task {
  readonly calls: number
}

export interface Measured {
  /** Of the processor, per call. */
  readonly nanos: number
  /** Allocated per call, if no garbage was collected meanwhile: for that they must be few. */
  readonly bytes: number
}

/** What stands in for a module of the client's, where it is to be compared with a client that has none of it. */
const substitutes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "without trace code": {
    "/calls/CallTrace.ts":
      "export const isOn = () => false; export const around = undefined; export class CallTrace {}",
    "/connection/traceContext.ts": "export const here = () => undefined"
  },
  "without metrics": {
    "/calls/ClientMetrics.ts": "export class ClientMetrics { waited() {} dialled() {} called() {} }"
  }
}

const mode = process.argv[2] ?? ""
const used = new Set<string>()
registerHooks({
  load: (url, context, next) => {
    const found = Object.entries(substitutes[mode] ?? {}).find(([path]) => url.endsWith(`/mcp/src/internal${path}`))
    if (found === undefined) return next(url, context)
    used.add(found[0])
    return { format: "module", source: found[1], shortCircuit: true }
  }
})

// After the hooks.
const { McpConfig, McpConnections } = await import("@holdfast/mcp")
const { MemoryServer } = await import("@holdfast/mcp/testing")
if (used.size !== Object.keys(substitutes[mode] ?? {}).length) throw new Error(`${mode}: a module is not where it was`)

const Request = Context.Reference<number>("bench/Request", { defaultValue: () => -1 })

/** Spans are made and kept by no exporter. */
const tracer = Tracer.make({ span: (options) => new Tracer.NativeSpan(options) })

const program = Effect.gen(function*() {
  const { endpoint } = yield* MemoryServer.make({
    era: "legacy",
    tools: { echo: { run: () => Effect.succeed("hello") } }
  })
  const mcp = yield* McpConnections.make(yield* McpConfig.make({ echo: { endpoint, era: "legacy" } }))
  const call = mcp.callTool("echo", { name: "echo", arguments: { text: "hello" } }, { idempotent: false })
  const measure = Effect.fnUntraced(function*({ calls }: Task) {
    yield* call
    globalThis.gc?.()
    const before = process.memoryUsage().heapUsed
    const cpu = process.cpuUsage()
    // As a program does that annotates its logs: every call has a context of its own.
    for (let i = 0; i < calls; i++) yield* Effect.provideService(call, Request, i)
    // What else runs on the machine takes no processor time of this.
    const { system, user } = process.cpuUsage(cpu)
    const nanos = (system + user) * 1000 / calls
    return { nanos, bytes: (process.memoryUsage().heapUsed - before) / calls } satisfies Measured
  })
  const context = yield* Effect.context()
  yield* Effect.callback<void>((resume) => {
    process.on(
      "message",
      (task: Task) =>
        void Effect.runPromiseWith(context)(measure(task)).catch((error: unknown): Failed => ({
          failed: String(error)
        })).then(
          (said) => process.send?.(said)
        )
    )
    process.once("disconnect", () => resume(Effect.void))
    process.send?.("ready")
  })
}).pipe(Effect.scoped)

await Effect.runPromise(mode === "a span each" ? Effect.provideService(program, Tracer.Tracer, tracer) : program)
