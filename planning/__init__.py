"""What planners see: demand by community and facility, its intervals, charts and downloads."""
