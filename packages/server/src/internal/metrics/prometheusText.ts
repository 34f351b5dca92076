/** A registry in Prometheus' text format. Labels are names of ours: no id, no principal. */
import type { SessionState, SessionTransport } from "../../Session.ts"
import type { RegistrySnapshot } from "../../SessionRegistry.ts"

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const prometheusText = (snapshot: RegistrySnapshot): string => {
  const { closed, inFlight, isDraining, opened, openStreams, refused, requests, sessions, sweepMillis, sweeps } =
    snapshot
  const byState: Record<Exclude<SessionState, "closed">, number> = { connecting: 0, active: 0, closing: 0 }
  const byTransport: Record<SessionTransport, number> = { "streamable-http": 0, sse: 0, stdio: 0, stateless: 0 }
  for (const { state, transport } of sessions) {
    // A closed session is in no snapshot: the registry drops it in the same step.
    if (state !== "closed") byState[state]++
    byTransport[transport]++
  }
  return [
    family("mcp_sessions", "gauge", "Sessions not yet closed, by state.", by("state", byState)),
    family("mcp_sessions_open", "gauge", "Sessions not yet closed, by transport.", by("transport", byTransport)),
    family("mcp_sessions_opened_total", "counter", "Sessions opened.", [["", opened]]),
    family("mcp_sessions_closed_total", "counter", "Sessions closed, by reason.", by("reason", closed)),
    family("mcp_sessions_refused_total", "counter", "Sessions refused because of a limit or a drain.", [["", refused]]),
    family("mcp_requests_total", "counter", "Requests taken.", [["", requests]]),
    family("mcp_requests_in_flight", "gauge", "Requests whose handlers run.", [["", inFlight]]),
    family("mcp_streams_open", "gauge", "Open streams of events.", [["", openStreams]]),
    family("mcp_sweep_duration_seconds", "summary", "Time that sweeps took to find what is stale.", [
      ["_sum", sweepMillis / 1000],
      ["_count", sweeps]
    ]),
    family("mcp_draining", "gauge", "1 while the server drains.", [["", isDraining ? 1 : 0]])
  ].join("")
}

type Sample = readonly [suffix: string, value: number]

const family = (name: string, type: "counter" | "gauge" | "summary", help: string, samples: ReadonlyArray<Sample>) =>
  [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples.map(([suffix, value]) => `${name}${suffix} ${value}`)]
    .map((line) => `${line}\n`)
    .join("")

const by = (label: string, counts: Readonly<Record<string, number>>): ReadonlyArray<Sample> =>
  Object.entries(counts).map(([value, count]) => [`{${label}="${escaped(value)}"}`, count])

const escaped = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll("\"", "\\\"").replaceAll("\n", "\\n")
