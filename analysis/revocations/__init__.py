"""What trials of revocation show: laws on trial, lags, and what a lag lets in."""
