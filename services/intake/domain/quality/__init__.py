"""Data quality: each kind of value brought into its normal form. A reader never raises; what it cannot read, it says so."""
