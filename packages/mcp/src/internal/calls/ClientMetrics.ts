/**
 * What the client counts, in Effect's metric registry: calls by server, tool and outcome, and the time for waiting, dialling and calling.
 * `docs/metrics.md` lists the series.
 *
 * Promises: no argument, result or secret is an attribute. The series are bounded: the servers, methods and tools that were used last
 * have some, `limit` of them. Series that were taken away begin at 0 when they come back.
 *
 * They are plain metrics: no Scope takes them away, so an exporter that outlives the connections sends them at its last flush.
 *
 * **Gotchas**: a call costs one look at the clock for it. `Metric.removeUnsafe` is not stable yet.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import type { McpRuntimeError } from "../../McpRuntimeError.ts"
import * as conventions from "./conventions.ts"

/** A call, as its series name it. */
export interface Called {
  readonly server: string
  readonly method: string
  /** The tool or prompt, if the method has one. */
  readonly name?: string | undefined
}

type Attributes = Readonly<Record<string, string>>
type Series = Metric.Metric<number, unknown>

/** What has series of its own: a server, or a method or tool of one. By outcome. */
class Subject {
  /** Grows with every use of any. */
  usedAt = 0
  readonly counts = new Map<string, Series>()
  readonly times = new Map<string, Series>()
}

export class ClientMetrics {
  /** Of how many servers, methods and tools there are series: OpenTelemetry's default for one metric. */
  limit = 2000
  readonly #context: Context.Context<never>
  /** By server, method and tool. What is the server's own is under no method. */
  readonly #subjects = new Map<string, Map<string, Map<string, Subject>>>()
  #uses = 0
  #size = 0

  constructor(context: Context.Context<never>) {
    this.#context = context
  }

  /** A call was given a connection that it had to wait for. */
  waited(server: string, millis: number): void {
    const { times } = this.#subject(server, "", "")
    const series = times.get("") ?? added(
      times,
      "",
      seconds("holdfast.client.queue.duration", "Seconds that calls waited for a connection", { server })
    )
    series.updateUnsafe(millis / 1000, this.#context)
  }

  /** A dial is over. */
  dialled(server: string, exit: Exit.Exit<unknown, { readonly _tag: string }>, millis: number): void {
    const { times } = this.#subject(server, "", "")
    const outcome = Exit.isSuccess(exit) ? "ok" : failedBy(exit.cause, ({ _tag }) => _tag)
    const series = times.get(outcome) ?? added(
      times,
      outcome,
      seconds("holdfast.client.dial.duration", "Seconds that dials took, with their handshakes", { server, outcome })
    )
    series.updateUnsafe(millis / 1000, this.#context)
  }

  /** A call is over. `millis`: since it was first sent; undefined if it never was. */
  called(call: Called, exit: Exit.Exit<unknown, McpRuntimeError>, millis: number | undefined): void {
    const { counts, times } = this.#subject(call.server, call.method, call.name ?? "")
    const outcome = Exit.isSuccess(exit)
      ? conventions.isToolError(exit.value) ? conventions.toolError : "ok"
      : failedBy(exit.cause, ({ reason }) => reason._tag)
    const count = counts.get(outcome) ?? added(counts, outcome, callsOf(call, outcome))
    count.updateUnsafe(1, this.#context)
    if (millis === undefined) return
    const time = times.get(outcome) ?? added(times, outcome, durationOf(call, outcome))
    time.updateUnsafe(millis / 1000, this.#context)
  }

  #subject(server: string, method: string, name: string): Subject {
    const subject = this.#subjects.get(server)?.get(method)?.get(name) ?? this.#add(server, method, name)
    subject.usedAt = ++this.#uses
    return subject
  }

  #add(server: string, method: string, name: string): Subject {
    if (this.#size >= this.limit) this.#forgetOldest()
    this.#size++
    const methods = this.#subjects.get(server) ?? added(this.#subjects, server, new Map<string, Map<string, Subject>>())
    const names = methods.get(method) ?? added(methods, method, new Map<string, Subject>())
    return added(names, name, new Subject())
  }

  #forgetOldest(): void {
    let age = Number.POSITIVE_INFINITY
    let forget = (): void => {}
    for (const [server, methods] of this.#subjects) {
      for (const [method, names] of methods) {
        for (const [name, { counts, times, usedAt }] of names) {
          if (usedAt >= age) continue
          age = usedAt
          forget = () => {
            for (const series of [...counts.values(), ...times.values()]) Metric.removeUnsafe(series, this.#context)
            names.delete(name)
            if (names.size === 0) methods.delete(method)
            if (methods.size === 0) this.#subjects.delete(server)
            this.#size--
          }
        }
      }
    }
    forget()
  }
}

const added = <A>(to: Map<string, A>, key: string, value: A): A => {
  to.set(key, value)
  return value
}

/** Seconds: those of OpenTelemetry's conventions for MCP. */
const boundaries = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

const seconds = (id: string, description: string, attributes: Attributes): Series =>
  // Named as `Metric.timer` names it: OTLP takes it for the unit, and Prometheus makes no label of it.
  Metric.histogram(id, { description, attributes: { ...attributes, time_unit: "seconds" }, boundaries })

const callsOf = ({ method, name, server }: Called, outcome: string): Series =>
  Metric.counter("holdfast.client.calls", {
    description: "Calls that ended, those that were never sent included",
    attributes: {
      server,
      method,
      ...(name !== undefined && { [method === "tools/call" ? "tool" : "prompt"]: name }),
      outcome
    },
    incremental: true
  })

/** @see https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/mcp.md */
const durationOf = ({ method, name, server }: Called, outcome: string): Series =>
  seconds("mcp.client.operation.duration", "Seconds from the sending of a request to its outcome", {
    "holdfast.server": server,
    ...conventions.namesOf(method, name),
    ...(outcome !== "ok" && { "error.type": outcome })
  })

/** Why a call or a dial failed: the name of the reason, or what ended it. */
const failedBy = <E>(cause: Cause.Cause<E>, tagOf: (error: E) => string): string => {
  const failed = cause.reasons.find(Cause.isFailReason)
  if (failed !== undefined) return tagOf(failed.error)
  return Cause.hasInterruptsOnly(cause) ? "interrupted" : "defect"
}
