/**
 * The tasks for which a server is kept, as what the server says tells of them: they outlive the sessions that have begun them. Pure.
 *
 * Promises
 * - A task is known from the answer that it begins by. It is over when it was cancelled, when the server knows no such task, when its result was
 *   fetched (`tasks/result`), or when so long after its end nothing of the kind has happened as the server keeps it, at most an hour.
 * - One of which the server says nothing for an hour is forgotten, and so is the oldest where there are more than a thousand.
 */
import * as RawMessage from "../RawMessage.ts"

const mostTasks = 1000

const patienceMillis = 3_600_000

export interface OpenTasksOptions {
  /** Milliseconds, of any beginning. */
  readonly now: () => number
  /** Told when there is a first task. */
  readonly onFirst: () => void
}

interface Known {
  /** When the server has spoken of it last; of one that has ended, when that was heard. */
  readonly since: number
  /** How long it is kept from then on. */
  readonly keptMillis: number
  readonly hasEnded: boolean
}

export class OpenTasks {
  readonly #options: OpenTasksOptions
  /** By their ids. */
  readonly #tasks = new Map<string, Known>()

  constructor(options: OpenTasksOptions) {
    this.#options = options
  }

  /** Those that are to be asked after. */
  ids(): ReadonlyArray<string> {
    return [...this.#current()].flatMap(([id, { hasEnded }]) => hasEnded ? [] : [id])
  }

  get size(): number {
    return this.#current().size
  }

  /** Something that the server has said. */
  heard({ kind, method, value }: RawMessage.RawMessage): void {
    if (kind === "response") {
      const { result } = value
      if (typeof result !== "object" || result === null) return
      const begun = begunIn(result)
      if (begun === undefined) this.#told(result)
      else if (!over.has(begun["status"])) this.#begin(String(begun["taskId"]))
    } else if (method === "notifications/tasks/status" || method === "notifications/tasks") {
      this.#told(RawMessage.membersOf(value["params"]))
    }
  }

  /** Those of a process before, which may have been kept elsewhere. */
  adopt(ids: ReadonlyArray<string>): void {
    for (const id of ids) this.#begin(id)
  }

  /** The server does not know it, or its result was fetched. */
  forget(id: string): void {
    this.#tasks.delete(id)
  }

  #current(): ReadonlyMap<string, Known> {
    const now = this.#options.now()
    for (const [id, { keptMillis, since }] of this.#tasks) if (now - since > keptMillis) this.#tasks.delete(id)
    return this.#tasks
  }

  #begin(id: string): void {
    const [oldest] = this.#tasks.keys()
    if (oldest !== undefined && this.#tasks.size >= mostTasks) this.#tasks.delete(oldest)
    this.#tasks.set(id, { since: this.#options.now(), keptMillis: patienceMillis, hasEnded: false })
    if (this.#tasks.size === 1) this.#options.onFirst()
  }

  #told(said: object): void {
    const { status, taskId, ttl, ttlMs }: { readonly [Name in "status" | "taskId" | "ttl" | "ttlMs"]?: unknown } = said
    const known = typeof taskId === "string" ? this.#tasks.get(taskId) : undefined
    if (typeof taskId !== "string" || known === undefined || known.hasEnded) return
    if (status === "cancelled") return this.forget(taskId)
    const hasEnded = over.has(status)
    const kept = ttl ?? ttlMs
    const keptMillis = hasEnded && typeof kept === "number" ? Math.min(kept, patienceMillis) : patienceMillis
    this.#tasks.set(taskId, { since: this.#options.now(), keptMillis, hasEnded })
  }
}

const over: ReadonlySet<unknown> = new Set(["completed", "failed", "cancelled"])

/** The task in an answer that says that the call is one. */
export const begunIn = (result: object): RawMessage.Members | undefined => {
  const { resultType, task }: { readonly resultType?: unknown; readonly task?: unknown } = result
  const said = RawMessage.membersOf(resultType === "task" ? result : task)
  return typeof said["taskId"] === "string" && typeof said["status"] === "string" ? said : undefined
}
