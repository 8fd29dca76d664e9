// What a greeting leaves open: which seats this agent still has. Knows no message but by its appointment.

/** After a greeting come the states of all seats, then the desk: a seat without a state by then was taken away while the line was down. */
export class Resume {
  #told: Set<string> | undefined;

  greeted(): void {
    this.#told = new Set();
  }

  state(appointment: string): void {
    this.#told?.add(appointment);
  }

  /** The desk came: whether the seat that this page believed to have is gone. */
  desk(believed: string | undefined): boolean {
    const told = this.#told;
    this.#told = undefined;
    return told !== undefined && believed !== undefined && !told.has(believed);
  }
}
