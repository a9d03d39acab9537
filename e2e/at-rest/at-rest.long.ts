import { story } from "./at-rest.ts";

story(600_000);
