/**
 * The manifests of `docs/replicas.md`, read by Kubernetes' own client, which needs no cluster for it: as they stand there, and as what it
 * understands of them.
 */
import * as Debian from "./debianProgram.ts"
import { blocksOf, pageOf } from "./documentExample.ts"

export interface Port {
  readonly name: string
  readonly containerPort: number
}

export interface Probe {
  readonly httpGet: {
    readonly port: string
    readonly path: string
    readonly httpHeaders?: ReadonlyArray<{ readonly name: string; readonly value: string }>
  }
}

export interface Deployment {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> }
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> }
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly containers: ReadonlyArray<{
          readonly command: ReadonlyArray<string>
          readonly env: ReadonlyArray<{ readonly name: string }>
          readonly ports: ReadonlyArray<Port>
          readonly readinessProbe: Probe
          readonly livenessProbe: Probe
        }>
      }
    }
  }
}

export interface Service {
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly selector: Readonly<Record<string, string>>
    readonly ports: ReadonlyArray<{ readonly name: string; readonly targetPort: string }>
  }
}

export interface Ingress {
  readonly metadata: { readonly annotations: Readonly<Record<string, string>> }
  readonly spec: {
    readonly rules: ReadonlyArray<{
      readonly http: {
        readonly paths: ReadonlyArray<{
          readonly path: string
          readonly pathType: string
          readonly backend: { readonly service: { readonly name: string; readonly port: { readonly name: string } } }
        }>
      }
    }>
  }
}

const kubectl = (args: ReadonlyArray<string>, input: string): string => {
  const { status, stderr, stdout } = Debian.ask("kubectl", [...args, "--local", "-f", "-", "-o", "json"], input)
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/** Every object of the document, by its kind. An annotation that is not there is taken away from each. */
export const objects = (): Readonly<Record<string, object>> =>
  Object.fromEntries(
    blocksOf(pageOf("replicas.md"), "yaml")
      .flatMap((block) => kubectl(["annotate", "not-there-"], block).split(/^(?=\{$)/m))
      .map((text) => JSON.parse(text))
      .map((object) => [object.kind, object])
  )

/**
 * The same object once more, without what Kubernetes does not know, and with what it adds. Fails where a value is not of its type. There is no
 * such way for all kinds.
 */
export const understood = (kind: "Deployment" | "Service", object: object): unknown => {
  const change = kind === "Deployment" ? ["set", "serviceaccount", "default"] : ["set", "selector", "app=mcp"]
  return JSON.parse(kubectl(change, JSON.stringify(object)))
}
