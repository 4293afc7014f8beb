"""The platform the four services stand on: contracts, bus, database, loops, HTTP. No word of the business except in contracts."""
