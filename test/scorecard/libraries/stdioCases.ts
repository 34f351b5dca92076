/** What is tried with each of the libraries and a server over stdio, and what of it is right. */
import { setTimeout } from "node:timers/promises"
import type { Place } from "../../interop/support/contract.ts"
import { Home } from "../Home.ts"
import { count, times, type Verdict } from "../Verdict.ts"
import type { Library } from "./clients.ts"
import { UserProgram } from "./UserProgram.ts"

export interface Case {
  /** The head of its column. */
  readonly name: string
  /** What a user may expect. */
  readonly right: string
  /** A text is why there is nothing to try. */
  readonly judge: (library: Library) => Promise<Verdict | string>
}

const noDeadline = "has no deadline"
const deadlineMillis = 2000

const using = async <A>(
  library: Library,
  judge: (home: Home, user: UserProgram) => Promise<A>,
  placed: (home: Home) => Place = (home) => ({ _tag: "Stdio", ...home.server() })
): Promise<A> => {
  await using home = new Home()
  const user = new UserProgram(library, home)
  const opened = await user.open(placed(home))
  if (!opened.isDone) throw new Error(opened.why)
  return await judge(home, user)
}

const oneProcess: Case = {
  name: "ten calls at once",
  right: "ten answers of one process, and none left after the close",
  judge: (library) =>
    using(library, async (home, user) => {
      const texts = Array.from({ length: 10 }, () => home.text())
      const answers = await Promise.all(texts.map((text) => user.call("echo", text)))
      await user.close()
      await home.until(() => home.serversAlive().length === 0, 100)
      const [started, left] = [home.servers().length, home.serversAlive().length]
      const answered = answers.filter(({ isDone }) => isDone).length
      return {
        words: `${count(started, "process").replace(/processs$/, "processes")}, ${left} left`,
        isRight: started === 1 && left === 0 && answered === 10
      }
    })
}

const idleDeath: Case = {
  name: "kill -9 of the idle server",
  right: "the next call is answered",
  judge: (library) =>
    using(library, async (home, user) => {
      await user.call("echo", home.text())
      for (const pid of home.serversAlive()) process.kill(pid, "SIGKILL")
      await home.until(() => home.serversAlive().length === 0)
      // An idle server is one that is not called at that moment.
      await setTimeout(1000)
      const calls: Array<string> = []
      for (let call = 0; call < 3; call++) {
        calls.push((await user.call("echo", home.text())).isDone ? "ok" : "fails")
      }
      return { words: calls.join(", "), isRight: calls[0] === "ok" }
    })
}

const harmfulDeath: Case = {
  name: "it dies in a call that may do harm",
  right: "the call ran once and fails; the next one is answered",
  judge: (library) =>
    using(library, async (home, user) => {
      const text = home.text()
      const { isDone } = await user.call("die", text)
      const next = (await user.call("echo", home.text())).isDone
      return {
        words: `${times(home.runs(text))}${isDone ? ", **told as done**" : ""}; then ${next ? "ok" : "fails"}`,
        isRight: home.runs(text) === 1 && !isDone && next
      }
    })
}

const hurried = (home: Home): Place => ({ _tag: "Stdio", ...home.server(), within: deadlineMillis })

const deadline: Case = {
  name: "a call over its deadline",
  right: "the server is told, and stays",
  judge: async (library) =>
    library.hasNoDeadline === true ? noDeadline : using(library, async (home, user) => {
      const before = home.serversAlive()
      const text = home.text()
      const { isDone } = await user.call("slow", text)
      if (isDone) return noDeadline
      const isTold = await home.until(() => home.isCancelled(text), 20)
      const next = (await user.call("echo", home.text())).isDone
      const stays = home.serversAlive().join() === before.join() && next
      return { words: `${isTold ? "told" : "not told"}, ${stays ? "stays" : "**ended**"}`, isRight: isTold && stays }
    }, hurried)
}

const others = async (home: Home, user: UserProgram, tool: string, isFirst: boolean): Promise<Verdict | string> => {
  const one = home.text()
  const harm = isFirst ? user.call(tool, one) : undefined
  // So that the deadline passes while the others run.
  if (isFirst) await setTimeout(deadlineMillis / 2)
  const texts = Array.from({ length: 5 }, () => home.text())
  const calls = texts.map((text) => user.call("wait", text))
  for (const text of texts) await home.has(text)
  const { isDone } = await (harm ?? user.call(tool, one))
  if (isDone) return isFirst ? noDeadline : "tells the error as an answer"
  const answered = (await Promise.all(calls)).filter(({ isDone }) => isDone).length
  const again = texts.filter((text) => home.runs(text) > 1).length
  return {
    words: `${5 - answered} of 5 lost${again > 0 ? `, **${again} ran again**` : ""}`,
    isRight: answered === 5 && again === 0
  }
}

const neighbourFails: Case = {
  name: "another call is answered with an error",
  right: "none of five calls in flight is lost",
  judge: (library) => using(library, (home, user) => others(home, user, "fail", false))
}

const neighbourIsLate: Case = {
  name: "the deadline of another call passes",
  right: "none of five calls in flight is lost",
  judge: async (library) =>
    library.hasNoDeadline === true
      ? noDeadline
      : using(library, (home, user) => others(home, user, "slow", true), hurried)
}

const stubborn = (home: Home): Place => {
  const { args, command } = home.server("stubborn")
  return { _tag: "Stdio", command: "sh", args: ["-c", `"$0" "$@"; exit 0`, command, ...args] }
}

const close: Case = {
  name: "close, with a stubborn grandchild",
  right: "no process is left",
  judge: (library) =>
    using(library, async (home, user) => {
      await user.call("echo", home.text())
      const begun = performance.now()
      await user.close()
      const millis = performance.now() - begun
      const left = home.serversAlive().length
      return { words: `${left} left, ${(millis / 1000).toFixed(1)} s`, isRight: left === 0 }
    }, stubborn)
}

const killed: Case = {
  name: "kill -9 of the program, with a stubborn server",
  right: "no process is left",
  judge: (library) =>
    using(library, async (home, user) => {
      await user.call("echo", home.text())
      user.kill()
      await home.until(() => home.serversAlive().length === 0, 100)
      const left = home.serversAlive().length
      return { words: `${left} left`, isRight: left === 0 }
    }, (home) => ({ _tag: "Stdio", ...home.server("stubborn") }))
}

export const stdioCases: ReadonlyArray<Case> = [
  oneProcess,
  idleDeath,
  harmfulDeath,
  deadline,
  neighbourFails,
  neighbourIsLate,
  close,
  killed
]
