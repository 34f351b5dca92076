/** What is tried with each of the programs, and what of it is right. */
import { setTimeout } from "node:timers/promises"
import { count, times, type Verdict } from "../Verdict.ts"
import type { Peer } from "./peers.ts"
import { World } from "./World.ts"

export interface Case {
  readonly name: string
  /** What a user may expect. */
  readonly right: string
  /** A text is why there is nothing to try. */
  readonly judge: (peer: Peer) => Promise<Verdict | string>
}

const exit = (code: number | null): string => code === 0 ? "exit 0" : `exit ${code}`

const noDeadline = "has no deadline for a call"
const byHand = "a connection is made by hand first"

const coldStart: Case = {
  name: "ten calls at once, nothing running",
  right: "one server, ten answers",
  judge: async (peer) => {
    if (peer.connect !== undefined) return byHand
    await using world = new World(peer.entry ?? {})
    const texts = Array.from({ length: 10 }, () => world.text())
    const ran = await Promise.all(texts.map((text) => world.run(peer.call("echo", text))))
    const answers = ran.filter(({ code }) => code === 0).length
    const servers = world.servers().length
    return {
      words: `${count(servers, "server")}, ${count(answers, "answer")}`,
      isRight: servers === 1 && answers === 10
    }
  }
}

const refusal: Case = {
  name: "a healthy server answers -32602",
  right: "ran once, the server stays",
  judge: async (peer) => {
    await using world = new World(peer.entry ?? {})
    await world.ready(peer)
    await world.run(peer.call("echo", world.text()))
    const text = world.text()
    const { code } = await world.run(peer.call("refuse", text))
    const [runs, servers] = [world.runs(text), world.servers().length]
    const restarted = servers > 1 ? ", **the server was restarted**" : ""
    return { words: `${times(runs)}, ${exit(code)}${restarted}`, isRight: runs === 1 && servers === 1 && code !== 0 }
  }
}

const death: Case = {
  name: "the server dies in a call that may do harm",
  right: "ran once, told as a failure; the next call works",
  judge: async (peer) => {
    await using world = new World(peer.entry ?? {})
    await world.ready(peer)
    await world.run(peer.call("echo", world.text()))
    const text = world.text()
    const { code } = await world.run(peer.call("die", text))
    const next = await world.run(peer.call("echo", world.text()))
    const works = next.code === 0
    const words = `${times(world.runs(text))}, ${exit(code)}; the next call ${works ? "works" : "**fails**"}`
    return { words, isRight: world.runs(text) === 1 && code !== 0 && works }
  }
}

const deadline: Case = {
  name: "a call over its deadline",
  right: "ran once at most, told as a failure; the server stays",
  judge: async (peer) => {
    if (peer.hurried === undefined) return noDeadline
    await using world = new World(peer.entry ?? {})
    await world.ready(peer)
    await world.run(peer.call("echo", world.text()))
    const text = world.text()
    const { code } = await world.run(peer.hurried("slow", text))
    const next = await world.run(peer.call("echo", world.text()))
    const [runs, servers] = [world.runs(text), world.servers().length]
    const restarted = servers > 1 ? ", **the server was restarted**" : ""
    return {
      words: `${times(runs)}, ${exit(code)}${restarted}`,
      isRight: runs <= 1 && code !== 0 && servers === 1 && next.code === 0
    }
  }
}

const idle: Case = {
  name: "the idle end is shorter than a call",
  right: "ran once, answered",
  judge: async (peer) => {
    if (peer.idle === undefined) return "has no idle end"
    await using world = new World({ ...peer.entry, ...peer.idle })
    const text = world.text()
    const { code } = await world.run(peer.call("slow", text))
    return { words: `${times(world.runs(text))}, ${exit(code)}`, isRight: world.runs(text) === 1 && code === 0 }
  }
}

const neighbour: Case = {
  name: "one caller's deadline passes while another's call runs",
  right: "the other's ran once, answered",
  judge: async (peer) => {
    if (peer.hurried === undefined) return noDeadline
    await using world = new World(peer.entry ?? {})
    await world.ready(peer)
    await world.run(peer.call("echo", world.text()))
    const [mine, other] = [world.text(), world.text()]
    const hurried = world.run(peer.hurried("slow", mine))
    if (!await world.has(mine)) await hurried
    // The other's begins now, so that the deadline passes in it.
    const { code } = await world.run(peer.call("slow", other))
    await hurried
    const [runs] = [world.runs(other)]
    return { words: `${times(runs)}, ${exit(code)}`, isRight: runs === 1 && code === 0 }
  }
}

const stubborn: Case = {
  name: "kill -9 of what holds a stubborn server, then a call",
  right: "one server lives",
  judge: async (peer) => {
    await using world = new World(peer.entry ?? {}, "stubborn")
    await world.ready(peer)
    await world.run(peer.call("echo", world.text()))
    for (const pid of world.others()) process.kill(pid, "SIGKILL")
    let next = await world.run(peer.call("echo", world.text()))
    if (next.code !== 0 && peer.connect !== undefined) {
      await world.run(peer.connect)
      next = await world.run(peer.call("echo", world.text()))
    }
    // What ends the old one may take a moment for it.
    await setTimeout(2000)
    const alive = world.serversAlive().length
    const words = `${alive === 1 ? "one lives" : `**${alive} live**`}; the call ${
      next.code === 0 ? "works" : "**fails**"
    }`
    return { words, isRight: alive === 1 && next.code === 0 }
  }
}

export const cases: ReadonlyArray<Case> = [coldStart, refusal, death, deadline, idle, neighbour, stubborn]

/** Milliseconds of a warm call and of a Node that does nothing, in turn: their medians. */
export const warmCall = async (
  peer: Peer,
  rounds: number
): Promise<{ readonly call: number; readonly node: number }> => {
  await using world = new World(peer.entry ?? {})
  await world.ready(peer)
  const calls: Array<number> = []
  const nodes: Array<number> = []
  for (let round = -2; round < rounds; round++) {
    const node = await world.run(["-e", "0"])
    const call = await world.run(peer.call("echo", world.text()))
    if (call.code !== 0) throw new Error(`a call fails: ${call.output.trim().split("\n").at(-1)}`)
    if (round < 0) continue
    nodes.push(node.millis)
    calls.push(call.millis)
  }
  return { call: median(calls), node: median(nodes) }
}

const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
