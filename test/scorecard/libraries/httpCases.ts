/** What is tried with each of the libraries and a server over Streamable HTTP with sessions, and what of it is right. */
import { Home } from "../Home.ts"
import { times } from "../Verdict.ts"
import type { Library } from "./clients.ts"
import { SessionServer } from "./SessionServer.ts"
import type { Case } from "./stdioCases.ts"
import { UserProgram } from "./UserProgram.ts"

const downMillis = 1200

const using = async <A>(
  library: Library,
  judge: (server: SessionServer, user: UserProgram, home: Home) => Promise<A>
): Promise<A> => {
  await using home = new Home()
  await using server = await SessionServer.open()
  const user = new UserProgram(library, home)
  const opened = await user.open({ _tag: "Http", url: server.url() })
  if (!opened.isDone) throw new Error(opened.why)
  const first = await user.call("echo", home.text())
  if (!first.isDone) throw new Error(first.why)
  return await judge(server, user, home)
}

const lostSession: Case = {
  name: "the session is lost (404)",
  right: "the next call is answered",
  judge: (library) =>
    using(library, async (server, user, home) => {
      server.forget()
      const [one, two] = [await user.call("echo", home.text()), await user.call("echo", home.text())]
      return { words: [one, two].map(({ isDone }) => isDone ? "ok" : "fails").join(", "), isRight: one.isDone }
    })
}

const restart: Case = {
  name: "the server is down for 1.2 s",
  right: "a call of that time is answered, and the next one",
  judge: (library) =>
    using(library, async (server, user, home) => {
      const up = server.restart(downMillis)
      const call = await user.call("echo", home.text())
      await up
      const next = await user.call("echo", home.text())
      return {
        words: `${call.isDone ? "waits it out" : "fails"}, then ${next.isDone ? "ok" : "fails"}`,
        isRight: call.isDone && next.isDone
      }
    })
}

const cut: Case = {
  name: "the connection is cut after the call has run",
  right: "it ran once and fails",
  judge: (library) =>
    using(library, async (server, user, home) => {
      const text = home.text()
      const { isDone } = await user.call("cut", text)
      const runs = server.runs(text)
      return {
        words: `${times(runs)}${isDone ? ", **told as done**" : ", fails"}`,
        isRight: runs === 1 && !isDone
      }
    })
}

export const httpCases: ReadonlyArray<Case> = [lostSession, restart, cut]
