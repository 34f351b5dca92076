/** A process with one of the libraries in it, in a home of its own: what it is asked is answered, or fails with its words. */
import { type ChildProcess, fork } from "node:child_process"
import * as path from "node:path"
import type { Place } from "../../interop/support/contract.ts"
import type { Home } from "../Home.ts"
import type { Library } from "./clients.ts"

export interface Speed {
  readonly calls: number
  readonly inFlight: number
}

export type Task =
  & { readonly id: number }
  & (
    | { readonly do: "open"; readonly place: Place }
    | { readonly do: "call"; readonly tool: string; readonly text: string }
    | ({ readonly do: "speed" } & Speed)
    | { readonly do: "close" }
  )

/** Without `error` it has done what it was asked. */
export interface Answer {
  readonly id: number
  readonly value?: unknown
  readonly error?: string
}

/** What came of something that was asked: its value, or the words of the failure. */
export type Outcome = { readonly isDone: true; readonly value: unknown } | {
  readonly isDone: false
  readonly why: string
}

/** Only keeps a library that hangs from holding up all of it. */
const patienceMillis = 45_000

export class UserProgram {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (outcome: Outcome) => void>()
  #tasks = 0

  constructor({ name }: Library, home: Home) {
    this.#child = fork(path.join(import.meta.dirname, "userMain.ts"), [name], {
      cwd: home.directory,
      env: home.environment(),
      stdio: ["ignore", "ignore", "ignore", "ipc"]
    })
    this.#child.on(
      "message",
      ({ error, id, value }: Answer) =>
        this.#settle(id, error === undefined ? { isDone: true, value } : { isDone: false, why: error })
    )
    this.#child.on("exit", () => {
      for (const id of this.#waiting.keys()) this.#settle(id, { isDone: false, why: "the program has ended" })
    })
  }

  open(place: Place): Promise<Outcome> {
    return this.#ask({ do: "open", place })
  }

  call(tool: string, text: string): Promise<Outcome> {
    return this.#ask({ do: "call", tool, text })
  }

  /** Calls in a second of its processor time, which other programs of the machine do not change. */
  async speed(speed: Speed): Promise<number> {
    const outcome = await this.#ask({ do: "speed", ...speed })
    if (!outcome.isDone) throw new Error(outcome.why)
    return Number(outcome.value)
  }

  close(): Promise<Outcome> {
    return this.#ask({ do: "close" })
  }

  /** By SIGKILL. */
  kill(): void {
    this.#child.kill("SIGKILL")
  }

  #ask(task: Task extends infer One ? One extends Task ? Omit<One, "id"> : never : never): Promise<Outcome> {
    const id = ++this.#tasks
    return new Promise((resolve) => {
      const limit = setTimeout(() => this.#settle(id, { isDone: false, why: "no answer" }), patienceMillis)
      this.#waiting.set(id, (outcome) => {
        clearTimeout(limit)
        resolve(outcome)
      })
      if (this.#child.exitCode !== null || this.#child.signalCode !== null || !this.#child.connected) {
        return this.#settle(id, { isDone: false, why: "the program has ended" })
      }
      this.#child.send({ id, ...task })
    })
  }

  #settle(id: number, outcome: Outcome): void {
    this.#waiting.get(id)?.(outcome)
    this.#waiting.delete(id)
  }
}
