"""What commands show: tables, trees, forecasts of a change, and the page of reference."""
