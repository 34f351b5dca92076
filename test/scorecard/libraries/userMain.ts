/** A program with one of the libraries, named by its argument. It is told by messages what to do, and answers each. */
import * as fs from "node:fs"
import type { Connected } from "../../interop/support/contract.ts"
import { libraries } from "./clients.ts"
import type { Answer, Speed, Task } from "./UserProgram.ts"

const library = libraries.find(({ name }) => name === process.argv[2])
let connected: Connected | undefined

const speed = async ({ calls, inFlight }: Speed): Promise<number> => {
  const call = await connected?.tool?.("echo") ?? ((args: Record<string, unknown>) => connected?.call("echo", args))
  const sender = async (): Promise<void> => {
    for (let i = 0; i < calls / inFlight; i++) await call({ text: "hello" })
  }
  const begun = processorSeconds()
  await Promise.all(Array.from({ length: inFlight }, sender))
  return calls / (processorSeconds() - begun)
}

/** Of this program and its children, the server among them. */
const processorSeconds = (): number => {
  const { system, user } = process.cpuUsage()
  let ticks = 0
  for (const entry of fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    const stat = statOf(entry)
    // Behind the name, which may hold anything: the state, the parent, and from the 12th on the two times.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    if (Number(fields[1]) === process.pid) ticks += Number(fields[11]) + Number(fields[12])
  }
  return (user + system) / 1_000_000 + ticks / ticksInSecond
}

/** Empty: it has ended meanwhile. */
const statOf = (pid: string): string => {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, "utf8")
  } catch {
    return ""
  }
}

/** The same on every Linux. */
const ticksInSecond = 100

const work = async (task: Task): Promise<unknown> => {
  switch (task.do) {
    case "open": {
      const { place } = task
      const client = await library?.client()
      const { http, stdio } = client?.transports ?? {}
      // OpenAI's agents speak both eras in one way: this one begins with the older where that is what is spoken.
      const { stateless, "stateless stdio": statelessStdio } = client?.transports ?? {}
      const open = place._tag === "Stdio" ? stdio ?? statelessStdio : http ?? stateless
      connected = await open?.(place._tag === "Stdio" ? place : { ...place, url: new URL(place.url) })
      if (connected === undefined) throw new Error("it did not connect")
      return connected.tools()
    }
    case "call":
      return connected?.call(task.tool, { text: task.text })
    case "speed":
      return speed(task)
    case "close":
      return connected?.close()
  }
}

const say = (answer: Answer): void => void process.send?.(answer)

process.on("message", (task: Task) => {
  work(task).then(
    (value) => say({ id: task.id, value }),
    (error: unknown) => say({ id: task.id, error: error instanceof Error ? error.message : String(error) })
  )
})
