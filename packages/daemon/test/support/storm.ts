/** Many programs that call a shared server through one daemon, while programs and the server are killed: what has become of the calls. */
import * as SeededRandom from "@holdfast/testkit/SeededRandom"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"
import * as DaemonControl from "../../src/DaemonControl.ts"
import * as Home from "./Home.ts"
import * as World from "./World.ts"

export interface StormOptions {
  readonly programs: number
  readonly calls: number
  /** Of each kind, in each of the two rounds. */
  readonly kills: number
  readonly seed: number
}

/** A daemon whose memory can be looked at. */
export const measured = async (home: Home.Home) => {
  const heapFile = path.join(home.directory, "heap")
  const daemon = spawn(process.execPath, ["--expose-gc", fileOf("measuredDaemon.ts"), heapFile], {
    env: home.environment,
    stdio: ["ignore", "ignore", "pipe"]
  })
  const ended = Home.finish(daemon)
  await Home.until(() => DaemonControl.status(home.place()).catch(() => undefined))
  const heaps = (): ReadonlyArray<number> =>
    fs.existsSync(heapFile) ? fs.readFileSync(heapFile, "utf8").trim().split("\n").map(Number) : []
  return {
    /** At rest: without a session, its servers as they were left. */
    measure: async () => {
      await Home.until(async () => (await DaemonControl.status(home.place())).sessions.length === 1)
      const before = heaps().length
      daemon.kill("SIGUSR2")
      await Home.until(() => heaps().length > before)
      return { heap: heaps().at(-1) ?? 0, descriptors: fs.readdirSync(`/proc/${daemon.pid}/fd`).length }
    },
    stop: async () => {
      await DaemonControl.stop(home.place())
      await ended
    }
  }
}

const fileOf = (name: string): string => path.resolve(import.meta.dirname, name)

export const storm = async ({ calls, kills, programs, seed }: StormOptions) => {
  const random = SeededRandom.make(seed)
  await using w = World.make("legacy")
  const daemon = await measured(w.home)
  const { measure } = daemon

  const fates = new Map<string, Array<string>>()
  const killed = new Set<string>()
  const codes: Array<number | null> = []
  let servers = 0
  const round = async (name: string, kills: number): Promise<void> => {
    const running = new Map<string, ChildProcess>()
    // Kills happen after so many answers, whenever those come.
    const marks = Array.from({ length: 2 * kills }, (_, index) => ({
      after: 1 + Math.floor((index + random.next()) * programs * calls * 0.7 / (2 * kills)),
      isServer: index % 2 === 0
    }))
    let answers = 0
    const onAnswer = (line: string): void => {
      const [nonce = "", ...fate] = line.split(" ")
      fates.set(nonce, [...(fates.get(nonce) ?? []), fate.join(" ")])
      answers++
      while ((marks[0]?.after ?? Number.POSITIVE_INFINITY) <= answers) {
        const mark = marks.shift()
        const names = [...running.keys()]
        const victim = names[Math.floor(random.next() * names.length)]
        if (mark?.isServer === true) {
          servers++
          process.kill(w.starts().at(-1) ?? 0, "SIGKILL")
        } else if (victim !== undefined) {
          killed.add(victim)
          running.get(victim)?.kill("SIGKILL")
          running.delete(victim)
        }
      }
    }
    const wishes = JSON.stringify({ wants: w.wants, shared: true })
    await Promise.all(Array.from({ length: programs }, async (_, index) => {
      const own = `${name}${index}`
      const child = spawn(process.execPath, [fileOf("caller.ts"), wishes, own, String(calls)], {
        env: w.home.environment,
        stdio: ["ignore", "pipe", "inherit"]
      })
      running.set(own, child)
      createInterface({ input: child.stdout }).on("line", onAnswer)
      const [code] = await once(child, "close")
      running.delete(own)
      if (!killed.has(own)) codes.push(code)
    }))
  }

  // What is loaded once is loaded.
  await round("warm", 0)
  const before = await measure()
  await round("a", kills)
  await round("b", kills)
  const after = await measure()
  await daemon.stop()

  const executed = w.record().filter((line) => line.startsWith("call echo ")).map((line) => line.slice(10))
  const times = new Map<string, number>()
  for (const nonce of executed) times.set(nonce, (times.get(nonce) ?? 0) + 1)
  const problems: Array<string> = []
  for (const [nonce, count] of times) if (count > 1) problems.push(`${nonce} ran ${count} times`)
  for (const round of ["warm", "a", "b"]) {
    for (let index = 0; index < programs; index++) {
      const name = `${round}${index}`
      for (let i = 0; i < calls; i++) {
        const nonce = `${name}-${i}`
        const [fate, ...more] = fates.get(nonce) ?? []
        if (more.length > 0) problems.push(`${nonce} was answered more than once`)
        if (fate === undefined && !killed.has(name)) problems.push(`${nonce} was not answered`)
        if (fate === "ok" && times.get(nonce) !== 1) problems.push(`${nonce} was answered and has not run`)
        if (fate === "NotSent" && times.has(nonce)) problems.push(`${nonce} has run and is said not to have`)
        if (fate !== undefined && !["ok", "Unknown", "NotSent"].includes(fate)) problems.push(`${nonce}: ${fate}`)
      }
    }
  }
  const lost = [...fates].filter(([, [fate]]) => fate === "Unknown").length
  if (lost > servers * programs) problems.push(`${lost} calls are of unknown outcome, more than were on the way`)
  for (const code of codes) if (code !== 0) problems.push(`a program that was not killed has ended with ${code}`)
  for (const each of w.starts()) if (Home.isAlive(each)) problems.push(`the server's process ${each} is left`)
  return { problems, before, after, lost, killed: killed.size, servers, calls: fates.size }
}
