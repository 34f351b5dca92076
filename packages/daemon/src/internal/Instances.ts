/**
 * The numbered places of servers that say `instances`: one to a host at a time.
 *
 * Promises
 * - A place is one host's alone until it is given back. A host, which is a program in a directory, gets its own back if that is free, else
 *   one that no host has had, else the one that was given back first.
 * - Where all are taken it waits, fair by program.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { Turns } from "./Turns.ts"

/** A place. */
export interface Instance {
  /** From 1. */
  readonly number: number
  /** False: another host had it before, whose process this one is not to have. */
  readonly isOwn: boolean
}

/** A host that wants a place. */
export interface Tenant {
  readonly program: string
  readonly directory: string
}

export interface Instances {
  /** Takes a place of the server with this key, until the Scope closes. Waits for one for as long as it takes. */
  readonly take: (server: string, max: number, tenant: Tenant) => Effect.Effect<Instance, never, Scope.Scope>
  /** The hosts that have one now. */
  readonly tenants: (server: string) => ReadonlyArray<Tenant>
  /** The places that are taken, over all servers. */
  readonly taken: () => ReadonlyArray<TakenPlace>
  /** Waits until fewer than so many are taken, and tells which. */
  readonly fewer: (than: number) => Effect.Effect<ReadonlyArray<TakenPlace>>
  /** Takes these for hosts of another daemon. What it returns gives back those that are not among the given ones. */
  readonly reserve: (places: ReadonlyArray<TakenPlace>) => (still: ReadonlyArray<TakenPlace>) => void
}

/** By the key of its server. */
export interface TakenPlace {
  readonly server: string
  readonly number: number
}

interface Place {
  readonly number: number
  tenant: Tenant
  isTaken: boolean
}

interface House {
  /** Those that are given back are at the end, the last one last. */
  readonly places: Array<Place>
  readonly turns: Turns<Deferred.Deferred<Place>>
}

/** So many servers are remembered. Hosts of a forgotten server may get another place. */
const mostHouses = 1000

export const make = (): Instances => {
  const houses = new Map<string, House>()
  const houseOf = (server: string): House => {
    const found = houses.get(server)
    if (found !== undefined) return found
    const [oldest] = [...houses].find(([, { places, turns }]) => turns.size === 0 && !places.some(isTaken)) ?? []
    if (oldest !== undefined && houses.size >= mostHouses) houses.delete(oldest)
    const house: House = { places: [], turns: new Turns() }
    houses.set(server, house)
    return house
  }
  const watchers = new Set<() => void>()
  const taken = (): ReadonlyArray<TakenPlace> =>
    [...houses].flatMap(([server, { places }]) => places.filter(isTaken).map(({ number }) => ({ server, number })))
  const vacate = (house: House, place: Place): void => {
    const next = house.turns.next()
    if (next !== undefined) return void Deferred.doneUnsafe(next, Effect.succeed(place))
    place.isTaken = false
    house.places.splice(house.places.indexOf(place), 1)
    house.places.push(place)
    for (const look of [...watchers]) look()
  }
  const take = (server: string, max: number, tenant: Tenant): Effect.Effect<Instance, never, Scope.Scope> =>
    Effect.suspend(() => {
      const house = houseOf(server)
      const giveBack = (place: Place): Effect.Effect<void> => Effect.sync(() => vacate(house, place))
      const settle = (place: Place): Instance => {
        const isOwn = isSame(place.tenant, tenant)
        place.tenant = tenant
        return { number: place.number, isOwn }
      }
      const free = freePlace(house, max, tenant)
      if (free !== undefined) {
        free.isTaken = true
        return Effect.map(Effect.acquireRelease(Effect.succeed(free), giveBack), settle)
      }
      const mine = Deferred.makeUnsafe<Place>()
      const leave = house.turns.add(`${tenant.program}\n${tenant.directory}`, mine)
      // It may be given a place in the moment in which it gives up.
      const giveUp = Effect.suspend(() => {
        leave()
        return Deferred.isDoneUnsafe(mine) ? Effect.flatMap(Deferred.await(mine), giveBack) : Effect.void
      })
      return Effect.map(
        Effect.acquireRelease(Effect.onInterrupt(Deferred.await(mine), () => giveUp), giveBack, {
          interruptible: true
        }),
        settle
      )
    })
  return {
    take,
    taken,
    fewer: (than) =>
      Effect.callback((resume) => {
        const look = (): void => {
          const now = taken()
          if (now.length >= than) return
          watchers.delete(look)
          resume(Effect.succeed(now))
        }
        watchers.add(look)
        look()
        return Effect.sync(() => watchers.delete(look))
      }),
    reserve: (given) => {
      const reserved = new Map(given.map(({ number, server }) => {
        const house = houseOf(server)
        const place: Place = { number, tenant: elsewhere, isTaken: true }
        house.places.push(place)
        return [`${server} ${number}`, () => vacate(house, place)]
      }))
      return (still) => {
        const keys = new Set(still.map(({ number, server }) => `${server} ${number}`))
        for (const [key, giveBack] of reserved) {
          if (keys.has(key)) continue
          reserved.delete(key)
          giveBack()
        }
      }
    },
    tenants: (server) => houses.get(server)?.places.filter(isTaken).map(({ tenant }) => tenant) ?? []
  }
}

const freePlace = ({ places }: House, max: number, tenant: Tenant): Place | undefined => {
  const free = places.filter((place) => !place.isTaken)
  const own = free.find((place) => isSame(place.tenant, tenant))
  if (own !== undefined) return own
  const unused = Array.from({ length: max }, (_, index) => index + 1)
    .find((number) => !places.some((place) => place.number === number))
  if (unused === undefined) return free.find(({ number }) => number <= max)
  const place = { number: unused, tenant, isTaken: false }
  places.push(place)
  return place
}

const isSame = (one: Tenant, other: Tenant): boolean =>
  one.program === other.program && one.directory === other.directory

/** Its tenant has a process that is not ours. */
const elsewhere: Tenant = { program: "a host of an older daemon", directory: "its directory" }

const isTaken = (place: Place): boolean => place.isTaken
