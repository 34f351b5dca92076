/** A registry in Prometheus' text format. Labels are names of ours: no id, no principal. */
import type { RegistrySnapshot } from "../SessionRegistry.ts"

/** @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export const prometheusText = (snapshot: RegistrySnapshot): string => {
  const states = ["connecting", "active", "closing"] as const
  const inState = (state: string): number => snapshot.sessions.filter((session) => session.state === state).length
  const series = (name: string, type: "counter" | "gauge", help: string, values: ReadonlyArray<[string, number]>) =>
    [
      `# HELP ${name} ${help}`,
      `# TYPE ${name} ${type}`,
      ...values.map(([labels, value]) => `${name}${labels === "" ? "" : `{${labels}}`} ${value}`)
    ].join("\n")
  return [
    series("mcp_sessions", "gauge", "Sessions by state.", states.map((state) => [`state="${state}"`, inState(state)])),
    series("mcp_sessions_opened_total", "counter", "Sessions opened.", [["", snapshot.opened]]),
    series(
      "mcp_sessions_closed_total",
      "counter",
      "Sessions closed, by reason.",
      Object.entries(snapshot.closed).map(([reason, count]) => [`reason="${reason}"`, count])
    ),
    series("mcp_sessions_refused_total", "counter", "Sessions refused because of a limit or a drain.", [
      ["", snapshot.refused]
    ]),
    series("mcp_requests_total", "counter", "Requests taken.", [["", snapshot.requests]]),
    series("mcp_requests_in_flight", "gauge", "Requests whose handlers run.", [["", snapshot.inFlight]]),
    series("mcp_streams_open", "gauge", "Open streams of events.", [["", snapshot.openStreams]]),
    series("mcp_sweeps_total", "counter", "Sweeps for stale sessions.", [["", snapshot.sweeps]]),
    series("mcp_sweep_seconds_total", "counter", "Time that sweeps took.", [["", snapshot.sweepMillis / 1000]]),
    series("mcp_draining", "gauge", "1 while the server drains.", [["", snapshot.isDraining ? 1 : 0]])
  ].join("\n") + "\n"
}
