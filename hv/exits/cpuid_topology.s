# cpuid_topology.s - which of its partition's processors a VP is: leaves 1, 4 and 0BH.
#
# One package, a core for each VP.
# Source  SDM 2A, "CPUID"; SDM 3A, "Programming Considerations for Hardware Multi-Threading Capable Processors"

# cpuid_topology - Entry: rdi = row of a leaf as one processor has it, esi = leaf, r9d = sub-leaf, rbx = VP, rbp = partition.
# Exit: nothing.  Changes rax, rcx, rdx, r10.
cpuid_topology:
        mov     rdx, [rbp + PART_VP]
        test    dword ptr [rbp + PART_FLAGS], CREATED
        jnz     0f
        cmp     qword ptr [rdx + VP_SIBLING], 0
        je      .done
0:      xor     r10d, r10d                      # VPs
1:      inc     r10d
        mov     rdx, [rdx + VP_SIBLING]
        test    rdx, rdx
        jnz     1b
        xor     ecx, ecx                        # bits of an ID that distinguish them
        mov     eax, r10d
        sub     eax, 1
        jz      2f
        bsr     ecx, eax
        inc     ecx
2:      cmp     esi, LEAF_FEATURES
        je      topology_features
        cmp     esi, LEAF_CACHES
        je      topology_caches
        cmp     esi, LEAF_TOPOLOGY
        jne     .done
        mov     eax, [rbx + VP_INDEX]
        mov     [rdi + 12], eax                 # x2APIC ID
        cmp     r9d, 1
        jne     .done
        mov     [rdi], ecx                      # all of the package
        mov     [rdi + 4], r10d
.done:  ret
topology_features:
        mov     eax, [rbx + VP_INDEX]
        mov     [rdi + 7], al                   # initial APIC ID
        mov     eax, 1
        shl     eax, cl
        mov     [rdi + 6], al                   # IDs of the package
        cmp     r10d, 1
        je      cpuid_topology.done
        or      dword ptr [rdi + 12], FEATURE_D_HTT
        ret
topology_caches:
        test    byte ptr [rdi], 0x1F            # no more caches
        jz      cpuid_topology.done
        mov     eax, 1
        shl     eax, cl
        dec     eax
        shl     eax, 26                         # cores of the package
        or      [rdi], eax
        ret
