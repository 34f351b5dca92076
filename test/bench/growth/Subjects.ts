/**
 * What is grown: each subject has so many of one thing at once, and tells what one of them takes of the processor, and how much memory it holds.
 */
import type * as Machine from "../Machine.ts"

export const counts = [10, 100, 1000, 10_000] as const

/** What one takes, when there are so many. */
export interface Point {
  readonly count: number
  /** Processor time of each, in microseconds. */
  readonly micros: number
  /** Held by each. */
  readonly bytes: number
}

export interface Subject {
  /** Also the name of its picture. */
  readonly name: string
  readonly title: string
  /** What is timed, and what is weighed. */
  readonly timed: string
  readonly weighed: string
}

export const subjects = [
  {
    name: "calls",
    title: "Calls in flight on one stdio connection",
    timed: "a call and its answer, in the client",
    weighed: "a call that waits for its answer"
  },
  {
    name: "connections",
    title: "Connections of one key in a pool",
    timed: "a connection opened and leased",
    weighed: "a connection and its lease"
  },
  {
    name: "keys",
    title: "Keys in a pool",
    timed: "a use of one of them, in a scattered order",
    weighed: "a key with its idle connection"
  },
  {
    name: "waiting",
    title: "Callers that wait for one connection",
    timed: "a caller, from its coming to its leaving",
    weighed: "a caller that waits, its fiber included"
  },
  {
    name: "sessions",
    title: "Sessions on a host",
    timed: "a session opened by two requests, in the host",
    weighed: "an idle session"
  },
  {
    name: "streams",
    title: "Open streams on a host",
    timed: "a session and its stream opened, in the host",
    weighed: "a session with an open stream, its socket included"
  },
  {
    name: "jobs",
    title: "Jobs in a SQLite file",
    timed: "one more job started and polled",
    weighed: "a stored job on the disk, in whole pages"
  }
] as const satisfies ReadonlyArray<Subject>

export type Name = typeof subjects[number]["name"]

/** The seeds' own numbers: what was before beside what is now. */
export interface SeedNumber {
  readonly what: string
  readonly before: string
  readonly now: string
  /** What measures it. */
  readonly command: string
}

/** A run, as it is stored beside the document. */
export interface Run {
  readonly machine: Machine.Machine
  readonly points: Readonly<Record<Name, ReadonlyArray<Point>>>
  readonly seeds: ReadonlyArray<SeedNumber>
}
