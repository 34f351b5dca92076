/**
 * The tasks of a server that have not ended, as what the server says tells of them: they outlive the sessions that have begun them. Pure.
 *
 * Promises
 * - A task is known from the answer that it begins by, until the server says that it has ended or that it knows no such task.
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

export class OpenTasks {
  readonly #options: OpenTasksOptions
  /** By their ids: when the server has spoken of them last. */
  readonly #heardAt = new Map<string, number>()

  constructor(options: OpenTasksOptions) {
    this.#options = options
  }

  /** Those that are to be asked after. */
  ids(): ReadonlyArray<string> {
    const oldest = this.#options.now() - patienceMillis
    for (const [id, heardAt] of this.#heardAt) if (heardAt < oldest) this.#heardAt.delete(id)
    return [...this.#heardAt.keys()]
  }

  get size(): number {
    return this.ids().length
  }

  /** Something that the server has said. */
  heard({ kind, method, value }: RawMessage.RawMessage): void {
    if (kind === "response") {
      const { result } = value
      if (typeof result !== "object" || result === null) return
      const begun = begunIn(result)
      if (begun === undefined) this.#told(result)
      else if (!ended.has(begun["status"])) this.#begin(String(begun["taskId"]))
    } else if (method === "notifications/tasks/status" || method === "notifications/tasks") {
      this.#told(RawMessage.membersOf(value["params"]))
    }
  }

  /** Those of a process before, which may have been kept elsewhere. */
  adopt(ids: ReadonlyArray<string>): void {
    for (const id of ids) this.#begin(id)
  }

  /** The server does not know it. */
  forget(id: string): void {
    this.#heardAt.delete(id)
  }

  #begin(id: string): void {
    const [oldest] = this.#heardAt.keys()
    if (oldest !== undefined && this.#heardAt.size >= mostTasks) this.#heardAt.delete(oldest)
    this.#heardAt.set(id, this.#options.now())
    if (this.#heardAt.size === 1) this.#options.onFirst()
  }

  #told(said: object): void {
    const { status, taskId }: { readonly status?: unknown; readonly taskId?: unknown } = said
    if (typeof taskId !== "string" || !this.#heardAt.has(taskId)) return
    if (ended.has(status)) this.#heardAt.delete(taskId)
    else this.#heardAt.set(taskId, this.#options.now())
  }
}

const ended: ReadonlySet<unknown> = new Set(["completed", "failed", "cancelled"])

/** The task in an answer that says that the call is one. */
export const begunIn = (result: object): RawMessage.Members | undefined => {
  const { resultType, task }: { readonly resultType?: unknown; readonly task?: unknown } = result
  const said = RawMessage.membersOf(resultType === "task" ? result : task)
  return typeof said["taskId"] === "string" && typeof said["status"] === "string" ? said : undefined
}
