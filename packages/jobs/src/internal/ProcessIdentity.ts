/**
 * What jobs ask of the machine: new ids, the number of cores, and whether another runner's process is still alive.
 *
 * A process is told from others by machine, pid and the moment of its birth, so that a pid used again is not taken for it.
 * Containers that share a store have processes of equal pids: on Linux the machine is named by its boot and the pid
 * namespace. Where that cannot be told the answer is "alive": then the lease decides.
 */
import * as Context from "effect/Context"
import * as crypto from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import { isNativeError } from "node:util/types"

/** A process, as it is written into the store. */
export interface Identity {
  readonly machine: string
  readonly pid: number
  /** When it was born, in ticks since boot; empty where that cannot be read. */
  readonly birth: string
}

export interface ProcessIdentityShape {
  /** A new id, not to be guessed: 122 random bits. */
  readonly newId: () => string
  /** How many jobs of a kind run at once unless it says otherwise. */
  readonly cores: number
  readonly identity: Identity
  /** Whether the process certainly is no more. */
  readonly isDead: (identity: Identity) => boolean
  /** Whether the process was born before this machine was booted: known on Linux, of what never leaves the machine. */
  readonly isOfEarlierBoot: (identity: Identity) => boolean
  /** Whether the process certainly is there, and not stopped. When neither can be told, this and `isDead` are false. */
  readonly isAlive: (identity: Identity) => boolean
}

const read = (path: string): string | undefined => {
  try {
    return fs.readFileSync(path, "utf8").trim()
  } catch {
    // No such process, or no procfs on this system: both are "unknown" here, and told apart by the caller.
    return undefined
  }
}

/** State and time of birth of a process, empty where they cannot be read. */
const statOf = (pid: number | "self"): { readonly state: string; readonly birth: string } => {
  const stat = read(`/proc/${pid}/stat`) ?? ""
  // The name in parentheses may hold spaces and parentheses; the state is the first field after it, the birth the twentieth.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return { state: fields[0] ?? "", birth: fields[19] ?? "" }
}

const machineName = (): string => {
  const boot = read("/proc/sys/kernel/random/boot_id")
  if (boot === undefined) return os.hostname()
  try {
    return `${boot} ${fs.readlinkSync("/proc/self/ns/pid")}`
  } catch {
    return `${boot} ${os.hostname()}`
  }
}

const isBootId = (text: string | undefined): boolean =>
  text !== undefined && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return false
  } catch (error) {
    // EPERM: it lives, and belongs to another user.
    return isNativeError(error) && "code" in error && error.code === "ESRCH"
  }
}

const node = (): ProcessIdentityShape => {
  const identity: Identity = { machine: machineName(), pid: process.pid, birth: statOf("self").birth }
  return {
    newId: () => crypto.randomUUID(),
    cores: os.availableParallelism(),
    identity,
    isDead: ({ birth, machine, pid }) => {
      if (machine !== identity.machine) return false
      if (isGone(pid)) return true
      const now = statOf(pid)
      // A zombie is dead, only its parent has not looked yet.
      return now.state === "Z" || birth !== "" && now.birth !== "" && now.birth !== birth
    },
    isOfEarlierBoot: ({ machine }) => {
      const [boot] = machine.split(" ")
      const [own] = identity.machine.split(" ")
      return isBootId(boot) && isBootId(own) && boot !== own
    },
    isAlive: ({ birth, machine, pid }) => {
      if (machine !== identity.machine || birth === "" || isGone(pid)) return false
      const now = statOf(pid)
      return now.birth === birth && !"ZXTt".includes(now.state)
    }
  }
}

export const ProcessIdentity: Context.Reference<ProcessIdentityShape> = Context.Reference(
  "@holdfast/jobs/ProcessIdentity",
  { defaultValue: node }
)
