/** One operation of the API with the types of its answer and its variables. */
export interface Operation<Data, Variables> {
  readonly name: string;
  readonly kind: "query" | "mutation" | "subscription";
  /** `sha256:` and the hash of `text`: how trusted documents are named. */
  readonly id: string;
  readonly text: string;
  /** Never there; it ties the types to the value. */
  readonly types?: (variables: Variables) => Data;
}
