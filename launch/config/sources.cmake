# Sources of launch/config, part of the library gyrus_launch.
target_sources(gyrus_launch PRIVATE
)
